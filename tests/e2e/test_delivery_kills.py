"""kill -9 and destinations that go away, at random moments of write-back, webhook and e-mail: what arrives is what was scored, once.

Three of them by default; EINSTEIN_TEST_KILLS=30 does thirty.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from email import message_from_string

import psycopg

from tests.e2e.stack import Stack, run_python, wait_for
from tests.left_behind import left_behind
from tests.servers import OtherPostgres, Web, send_bytes

KILLS, A_ROUND, RECORDS, PEOPLE = int(os.environ.get("EINSTEIN_TEST_KILLS", "3")), 3, 20_000, 30
SEED = 7
MAKE = """
from apps.datasets.models import Dataset
from apps.deliveries import setup
from apps.deliveries.forms import own_target
from apps.deliveries.which import Which
from apps.predictions.models import ModelVersion, Prediction
from apps.workspaces.models import User
from apps.workspaces.people import create_workspace
from apps.workspaces.scope import workspace_scope
user = User.objects.create_user("delivery-kills@brightline.example", None, name="Kills")
workspace = create_workspace("Delivery kills", user)
plan = {{"schedule": "run", "hour": 8, "weekday": 0, "hold_percent": 0, "expires_days": 7}}
with workspace_scope(workspace.id):
    dataset = Dataset.objects.create(name="Customers", key_field="id", owner=user)
    prediction = Prediction.objects.create(name="Churn", dataset=dataset, state="active", owner=user, outcome_kind="binary", schedule="none")
    version = ModelVersion.objects.create(prediction=prediction, number=1, state="champion")
    Prediction.objects.filter(id=prediction.id).update(champion=version)
    table = setup.connect(prediction, "postgresql", {settings}, {{"password": "a reader's password"}}, user)
    setup.point_at(table, own_target(prediction, "public"), user)
    setup.plan(table, plan | {{"name": "table"}}, Which(), user)
    hook = setup.connect(prediction, "webhook", {{"url": "{hook}", "events": ["scores.changed"]}}, {{"signing_secret": "whsec_YWJj"}}, user)
    setup.plan(hook, plan | {{"name": "hook"}}, Which("changed"), user)
    people = setup.connect(prediction, "email_list", {{"addresses": "{people}", "count": 3, "band": "high"}}, {{}}, user)
    setup.plan(people, plan | {{"name": "people"}}, Which(), user)
print(workspace.id, prediction.id, table.id, hook.id, people.id)
"""
SCORE = """
import json, random
import pyarrow as pa, pyarrow.parquet as pq
from django.utils import timezone
from apps.deliveries.plan import plan_run
from apps.predictions.models import ModelVersion
from apps.scoring.models import ScoringRun
from apps.workspaces.scope import workspace_scope
from einstein import storage
dice = random.Random({number})
values = [dice.random() for _ in range({records})]
why = json.dumps([{{"field": "Contract", "value": "Monthly", "direction": "raises", "size": "", "share": 1.0}}])
table = pa.table({{"key": [f"C{{i:06d}}" for i in range({records})], "value": values, "predicted": ["Yes"] * {records},
                  "band": ["high" if v > .6 else "medium" if v > .3 else "low" for v in values], "reasons": [why] * {records}, "seen": [False] * {records}}})
pq.write_table(table, "{path}")
key = storage.key_for({workspace}, "scores", "{number}.parquet")
storage.put(__import__("pathlib").Path("{path}"), key)
with workspace_scope({workspace}):
    run = ScoringRun.objects.create(prediction_id={prediction}, version=ModelVersion.objects.get(prediction_id={prediction}), fingerprint="{number}",
                                    records={records}, scored={records}, history_key=key, as_of=timezone.now())
    plan_run(run)
print(run.id)
"""


class Receiver:
    """A webhook receiver that acts on each id once, and can be out of order for a while."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.state: dict[str, float] = {}
        self.changes: dict[int, set[str]] = {}
        self.broken = False
        self.web = Web(self._take)

    def _take(self, handler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        if self.broken:
            send_bytes(handler, b"", 503)
            return
        message_id = handler.headers["webhook-id"]
        self.seen[message_id] = self.seen.get(message_id, 0) + 1
        if self.seen[message_id] == 1:
            keys = self.changes.setdefault(body["data"]["run"]["id"], set())
            for record in body["data"]["records"]:
                assert record["key"] not in keys, "a change was told under two ids"
                keys.add(record["key"])
                self.state[record["key"]] = record["score"]
        if random.random() < 0.01:
            handler.connection.close()  # taken, but the sender does not hear of it
            return
        send_bytes(handler, b"")


def scores(number: int) -> dict[str, float]:
    dice = random.Random(number)
    return {f"C{i:06d}": dice.random() for i in range(RECORDS)}


def band(value: float) -> str:
    return "high" if value > 0.6 else "medium" if value > 0.3 else "low"


def kill(stack: Stack, words: str) -> None:
    found = stack.pids(words)
    if found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(random.choice(found), signal.SIGKILL)


def outage_of_the_database(server: OtherPostgres) -> None:
    server._pg("pg_ctl", "-D", str(server.data), "-m", "immediate", "-w", "stop")
    time.sleep(1)
    server._launch()


def outage_of_the_receiver(receiver: Receiver) -> None:
    receiver.broken = True
    time.sleep(1.5)
    receiver.broken = False


def outage_of_the_mail_server(stack: Stack) -> None:
    stack.inbox.controller.stop()
    time.sleep(1.5)
    stack.inbox.start_again()


def as_if_time_passed(stack: Stack) -> None:
    """What waits for its next try is due now. Only what was claimed by a clock that is gone may be touched, so a living one gets a moment."""
    stack.sql(
        "UPDATE outbox_sending SET due_at = now() WHERE state = 'waiting' AND due_at > now() + interval '3 seconds'"
    )
    time.sleep(3)
    stack.sql(
        "UPDATE outbox_message SET due_at = now() WHERE state = 'pending' AND due_at > now() + interval '6 seconds'"
    )


def all_arrived(stack: Stack, workspace: int) -> bool:
    waiting = stack.sql(
        "SELECT (SELECT count(*) FROM outbox_sending WHERE state = 'waiting' AND workspace_id = %s), "
        "(SELECT count(*) FROM outbox_message WHERE state = 'pending' AND workspace_id = %s)", workspace, workspace,
    )  # fmt: skip
    if waiting == [(0, 0)]:
        return True
    as_if_time_passed(stack)
    return False


def test_whatever_dies_what_arrives_is_what_was_scored(stack, record_property):
    random.seed(SEED)
    server, receiver = OtherPostgres(stack.var / "crm").start_fresh(), Receiver()
    people = " ".join(f"p{number}@people.example" for number in range(PEOPLE))
    made = run_python(
        stack,
        MAKE.format(settings=server.settings | {"user": "writer"}, hook=f"{receiver.web.base}/hook", people=people),
    )
    workspace, prediction, table, hook, _ = (int(number) for number in made.split())
    clock_kills, runs, done, began = 0, {}, [], time.monotonic()
    for number in range(1 + KILLS // A_ROUND):
        values = {
            "number": number,
            "records": RECORDS,
            "path": stack.var / "scores.parquet",
            "workspace": workspace,
            "prediction": prediction,
        }
        runs[number] = int(run_python(stack, SCORE.format(**values)))
        for _ in range(A_ROUND if number else 0):
            time.sleep(random.uniform(0.1, 2.5))
            deed = random.choice(["worker", "worker", "worker", "clock", "database", "receiver", "mail"])
            done.append(deed)
            clock_kills += deed == "clock"
            {
                "worker": lambda: kill(stack, "manage.py work interactive"), "clock": lambda: kill(stack, "manage.py clock"),
                "database": lambda: outage_of_the_database(server), "receiver": lambda: outage_of_the_receiver(receiver),
                "mail": lambda: outage_of_the_mail_server(stack),
            }[deed]()  # fmt: skip
        print(f"{time.monotonic() - began:.0f} s: round {number}, {done[-A_ROUND:]}")
        wait_for(lambda: all_arrived(stack, workspace), 150, "everything to arrive")
    ended = "SELECT count(*) FROM outbox_sending WHERE state NOT IN ('arrived', 'dropped') AND workspace_id = %s"
    assert stack.sql(ended, workspace) == [(0,)]
    last = max(runs)

    with psycopg.connect(server.admin) as connection:
        rows = dict(connection.execute("SELECT record_key, score FROM einstein_churn").fetchall())
    assert rows == scores(last), "the destination's rows are the scores"
    proof = stack.sql(
        "SELECT expected, acknowledged FROM outbox_sending WHERE destination_id = %s AND state = 'arrived' ORDER BY id DESC LIMIT 1",
        table,
    )
    assert proof == [(RECORDS, RECORDS)]

    for number in range(1, last + 1):
        before, now = scores(number - 1), scores(number)
        changed = {key for key in now if band(now[key]) != band(before[key])}
        assert receiver.changes[runs[number]] == changed, "each change was told, and acted on once"
    told_again = sum(count - 1 for count in receiver.seen.values())

    ids = [
        message_from_string(text)["Message-ID"] for to, text in stack.inbox.messages if to.endswith("@people.example")
    ]
    expected = stack.sql(
        "SELECT count(*) FROM outbox_message WHERE workspace_id = %s AND state = 'sent' AND sending_id IS NOT NULL",
        workspace,
    )[0][0]
    assert len(set(ids)) == expected == PEOPLE * len(runs)
    repeated = len(ids) - len(set(ids))
    assert repeated <= clock_kills, "a mail comes twice only when the clock dies between the server's 250 and our note"
    attempts = stack.sql(
        "SELECT count(*), count(*) FILTER (WHERE ended_at IS NULL) FROM outbox_attempt WHERE workspace_id = %s",
        workspace,
    )[0]
    wait_for(lambda: not left_behind(stack.temporary), 10, "the records that killed workers held to be removed")
    server.leave()
    receiver.web.stop()
    record_property(
        f"{len(done)} kills and outages",
        f"{', '.join(f'{done.count(deed)} {deed}' for deed in sorted(set(done)))}; {attempts[0]} attempts, {attempts[1]} broke off; "
        f"{len(receiver.seen)} webhook ids, {told_again} told again; {len(set(ids))} e-mails, {repeated} twice",
    )  # fmt: skip
