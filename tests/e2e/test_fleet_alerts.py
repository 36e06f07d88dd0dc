"""Many workspaces under watch: a broken feed is one mail to its owner, stopped workers one mail to the operators, and a notifier that is killed
at any of its named points loses nothing and repeats nothing but, at most, what the server took before we could note it.

EINSTEIN_TEST_WORKSPACES=60 makes 300 predictions of it; the test is the same.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
import urllib.parse
import urllib.request
from email import message_from_string, policy

import pytest

from einstein.fault_points import POINTS
from tests.conftest import TELCO, WORKER
from tests.e2e.stack import Stack, run_python, wait_for

WORKSPACES = int(os.environ.get("EINSTEIN_TEST_WORKSPACES", "13"))
EACH = 5 if WORKSPACES >= 60 else 2
OPERATOR = "operator@einstein.example"
UNIT = [{"check": "field_unit", "field": "MonthlyCharges", "severity": "warning", "cause": "unit", "since": None, "message": "MonthlyCharges is about 100 times larger than in training."}]  # fmt: skip
MAKE = """
from pathlib import Path
import pandas as pd
from allauth.account.models import EmailAddress
from django.utils import timezone
from apps.datasets.upload import receive_path
from apps.predictions.models import ModelVersion, Prediction
from apps.predictions.train import enable
from apps.workspaces.models import User
from apps.workspaces.people import create_workspace
from apps.workspaces.scope import workspace_scope
from einstein import storage
from einstein.ml.artifact import read_facts
from einstein.ml.reader import read_frame
from einstein.ml.train import TrainRequest, train

def person(email, **more):
    user = User.objects.create_user(email, "a long enough password", name=email.split("@")[0], **more)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user

home = Path("{home}")
person("{operator}", is_staff=True)
table, _ = read_frame(Path("{table}"))
train(table[table["Churn"].notna()], TrainRequest("Churn", positive="Yes", ignore=["customerID"], trials=1, threads=1), home / "model")
facts = read_facts(home / "model")
small = pd.concat([table[table["Churn"].notna()].head(240), table[table["Churn"].isna()].head(60)])
small.to_csv(home / "good.csv", index=False)
bad = small.copy()
bad.loc[bad["Churn"].isna(), "MonthlyCharges"] = bad.loc[bad["Churn"].isna(), "MonthlyCharges"].map(lambda value: str(float(value) * 100))
bad.to_csv(home / "bad.csv", index=False)
for number in range({workspaces}):
    owner = person(f"owner{{number}}@fleet.example")
    workspace = create_workspace(f"Company {{number}}", owner)
    key = storage.key_for(workspace.id, "models", "one")
    storage.put_folder(home / "model", key)
    with workspace_scope(workspace.id):
        dataset, run = receive_path(home / "good.csv", "customers.csv", owner)
        dataset.noun = "customer"
        dataset.save()
        for one in range({each}):
            Prediction.objects.create(name=f"Churn {{number}}.{{one}}", dataset=dataset, outcome_kind="binary", outcome_field="Churn", positive="Yes",
                ignored_fields=["customerID"], fields_seen=True, owner=owner, schedule="daily",
                steps_done=["question", "data", "outcome", "records", "fields", "schedule"])
"""
ENABLE = """
from pathlib import Path
from apps.datasets.records import newest_snapshot
from apps.predictions.models import ModelVersion, Prediction
from apps.predictions.train import enable
from apps.workspaces.scope import workspace_scope
from einstein import storage
from einstein.ml.artifact import read_facts
home = Path("{home}")
facts, hash = read_facts(home / "model"), storage.sha256_of(home / "model" / "manifest.json")
for workspace in {workspaces}:
    with workspace_scope(workspace):
        for prediction in Prediction.objects.select_related("dataset").order_by("id"):
            version = ModelVersion.objects.create(prediction=prediction, number=1, state="candidate", snapshot=newest_snapshot(prediction.dataset),
                storage_key=storage.key_for(workspace, "models", "one"), hash=hash, facts=facts)
            enable(version, None)
"""
UPLOAD = """
from pathlib import Path
from apps.datasets.models import Dataset
from apps.datasets.upload import receive_path
from apps.workspaces.scope import workspace_scope
with workspace_scope({workspace}):
    receive_path(Path("{file}"), "newer.csv", None, Dataset.objects.get())
"""


class Fleet:
    """The stack, and its workspaces by number."""

    def __init__(self, stack: Stack, home) -> None:
        self.stack, self.home = stack, home
        self.faults = home / "faults"

    def mails(self, to: str) -> list:
        return [
            message_from_string(text, policy=policy.default)
            for rcpt, text in list(self.stack.inbox.messages)
            if rcpt == to
        ]

    def subjects(self, to: str) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails(to)]

    def has_mail(self, number: int) -> bool:
        """Whether the owner was told; what a sender had claimed that died ten seconds ago is due at once, not after a minute and a half."""
        self.stack.sql(
            "UPDATE outbox_message SET due_at = now() WHERE state = 'pending' AND due_at BETWEEN now() + interval '3 seconds' AND now() + interval '80 seconds'"
        )
        return bool(self.mails(owner(number)))

    def others(self, *known: str) -> set[str]:
        return {rcpt for rcpt, _ in list(self.stack.inbox.messages)} - set(known)

    def workspace(self, number: int) -> int:
        return self.stack.sql("SELECT id FROM workspaces_workspace WHERE name = %s", f"Company {number}")[0][0]

    def see(self, number: int, alarms: list) -> None:
        """What the newest run of each prediction looked like; its checks are due now."""
        workspace = self.workspace(number)
        self.stack.sql(
            "UPDATE monitoring_look SET alarms = %s::jsonb WHERE workspace_id = %s", json.dumps(alarms), workspace
        )
        self.stack.sql("UPDATE monitoring_watch SET next_check_at = now() WHERE workspace_id = %s", workspace)


def owner(number: int) -> str:
    return f"owner{number}@fleet.example"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    home = tmp_path_factory.mktemp("fleet")
    (home / "faults").mkdir()
    stack = Stack(
        f"fleet-{WORKER}",
        EINSTEIN_FAULT_POINTS=str(home / "faults"),
        EINSTEIN_CHECK_SECONDS="2",
        EINSTEIN_GROUPING_SECONDS="3",
        EINSTEIN_LOG_LEVEL="WARNING",
    )
    shutil.rmtree(stack.var, ignore_errors=True)
    stack.start()
    try:
        run_python(stack, MAKE.format(home=home, operator=OPERATOR, table=TELCO, workspaces=WORKSPACES, each=EACH))
        wait_for(
            lambda: stack.sql("SELECT count(*) FROM datasets_snapshot")[0][0] == WORKSPACES,
            60 + WORKSPACES,
            "the files to be read",
        )
        numbers = [row[0] for row in stack.sql("SELECT id FROM workspaces_workspace ORDER BY id")]
        run_python(stack, ENABLE.format(home=home, workspaces=numbers))
        wait_for(
            lambda: stack.sql("SELECT count(*) FROM monitoring_look")[0][0] == WORKSPACES * EACH,
            120 + 2 * WORKSPACES * EACH,
            "all to be scored and looked at",
        )
        yield Fleet(stack, home)
    finally:
        stack.stop()


def settled(fleet: Fleet) -> None:
    """Let a few rounds of the clock pass, in which nothing more may come."""
    time.sleep(6)


def test_a_broken_feed_is_one_mail_that_names_all_its_predictions_and_one_when_it_is_mended(fleet):
    number = 3
    run_python(fleet.stack, UPLOAD.format(workspace=fleet.workspace(number), file=fleet.home / "bad.csv"))
    wait_for(lambda: fleet.mails(owner(number)), 90, "the owner's mail")
    settled(fleet)
    mail = fleet.mails(owner(number))[0]
    text = mail.get_body(("plain",)).get_content()
    assert len(fleet.mails(owner(number))) == 1
    assert all(f"Churn {number}.{one}" in text for one in range(EACH))
    assert "MonthlyCharges" in str(mail["Subject"])
    assert all(heading in text for heading in ("WHAT HAPPENED", "LIKELY WHY", "WHAT TO DO", "/alerts/"))
    assert mail.get_body(("html",)) is not None
    assert fleet.others(owner(number)) == set()
    _acknowledge(fleet, text)
    run_python(fleet.stack, UPLOAD.format(workspace=fleet.workspace(number), file=fleet.home / "good.csv"))
    wait_for(lambda: len(fleet.mails(owner(number))) == 2, 90, "the mail that it is over")
    settled(fleet)
    over = fleet.mails(owner(number))[1]
    assert str(over["Subject"]).startswith("Over: ")
    assert over["In-Reply-To"] == mail["Message-ID"]
    assert fleet.others(owner(number)) == set()


def _acknowledge(fleet: Fleet, text: str) -> None:
    """From the mail's link, without logging in: looking shows, pressing acts."""
    link = re.search(r"http\S+/alerts/answer/\S+", text).group()
    state = "SELECT state FROM monitoring_incident WHERE workspace_id = %s"
    assert "I take care of it" in urllib.request.urlopen(link, timeout=10).read().decode()
    assert fleet.stack.sql(state, fleet.workspace(3)) == [("open",)]
    urllib.request.urlopen(link, urllib.parse.urlencode({"answer": "acknowledge"}).encode(), timeout=10)
    assert fleet.stack.sql(state, fleet.workspace(3)) == [("acknowledged",)]


def test_stopped_workers_are_one_mail_to_the_operators_and_none_to_customers(fleet):
    before = len(fleet.stack.inbox.messages)
    stopped = fleet.stack.pids("manage.py work")
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    (fleet.faults / "operators told").touch()  # and the clock dies while it says so
    fleet.stack.sql("UPDATE predictions_prediction SET next_run_at = now()")
    wait_for(lambda: fleet.mails(OPERATOR), 120, "the operators' mail")
    wait_for(lambda: not (fleet.faults / "operators told").exists(), 30, "the clock's death")
    settled(fleet)
    assert fleet.subjects(OPERATOR) == ["Planned runs are not picked up"]
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: len(fleet.mails(OPERATOR)) == 2, 150 + 2 * WORKSPACES * EACH, "the mail that it is over")
    settled(fleet)
    assert fleet.subjects(OPERATOR)[1] == "Over: Planned runs are not picked up"
    strangers = [(to, text) for to, text in fleet.stack.inbox.messages[before:] if to != OPERATOR]
    assert strangers == []


def test_a_notifier_killed_at_all_points_loses_nothing_and_repeats_nothing(fleet, record_property):
    """All points are armed at once: the clock dies at each of them, one after another, while it tells eight owners."""
    points = [point for point in POINTS if point not in {"operators told", "old rows gone"}]  # met by no alert
    told = [4 + place for place in range(len(points))]
    for point in points:
        (fleet.faults / point).touch()
    for number in told:
        fleet.see(number, UNIT)
    each = 30  # a clock that begins anew loads everything first; a busy machine takes its time over that
    wait_for(lambda: not any((fleet.faults / point).exists() for point in points), each * len(points), "the deaths at all points")  # fmt: skip
    wait_for(lambda: all(fleet.has_mail(number) for number in told), 90, "the mails after the deaths")
    wait_for(lambda: fleet.has_mail(4) and not fleet.stack.sql("SELECT 1 FROM outbox_message WHERE state = 'pending'"), 60, "all mail to be noted")  # fmt: skip
    settled(fleet)
    repeats = sum(_repeats(fleet, number) for number in told)
    assert repeats <= 1  # between the server's 250 and our note
    for number in told:
        fleet.see(number, [])
    wait_for(lambda: all(any(subject.startswith("Over: ") for subject in fleet.subjects(owner(number))) for number in told), 60, "the mails that it is over")  # fmt: skip
    settled(fleet)
    assert all(sum(subject.startswith("Over: ") for subject in fleet.subjects(owner(number))) == 1 for number in told)
    assert {rcpt for rcpt, _ in fleet.stack.inbox.messages} <= {OPERATOR, *(owner(number) for number in [3, *told])}
    record_property("the notifier killed at", f"{len(POINTS)} named points; repeated mails: {repeats}; {WORKSPACES * EACH} predictions in {WORKSPACES} workspaces")  # fmt: skip


def _repeats(fleet: Fleet, number: int) -> int:
    """How many mails came twice; a repeated one has the same Message-ID."""
    opened = [mail for mail in fleet.mails(owner(number)) if not str(mail["Subject"]).startswith("Over: ")]
    assert opened
    assert len({mail["Message-ID"] for mail in opened}) == 1
    return len(opened) - 1
