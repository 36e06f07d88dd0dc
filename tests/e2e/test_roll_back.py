"""A release that disappoints is taken back: the code of the release before does all its work on the database of this one."""

from __future__ import annotations

import json
import re
import shutil

import pytest
import requests

from tests.e2e.conftest import DATA
from tests.e2e.release_before import lay_out_the_release_before
from tests.e2e.stack import ROOT, Stack, run_python, start_training, wait_for
from tests.servers import Web, send_bytes

PREDICT = """
from apps.datasets.models import Dataset
from apps.deliveries import setup
from apps.deliveries.selection import Which
from apps.predictions.models import Prediction
from apps.workspaces.models import User, Workspace
from apps.workspaces.scope import workspace_scope
user = User.objects.get(email="olga@before.example")
with workspace_scope({workspace}):
    prediction = Prediction.objects.create(name="Churn before", dataset=Dataset.objects.get(), outcome_kind="binary", outcome_field="Churn", positive="Yes",
        ignored_fields=["customerID"], fields_seen=True, budget_seconds=5, training={{"trials": 1, "threads": 1}}, owner=user, schedule="none",
        enable_when_ready=True, steps_done=["question", "data", "outcome", "records", "fields", "schedule"])
    hook = setup.connect(prediction, "webhook", {{"url": "{hook}", "events": ["scores.changed"]}}, {{"signing_secret": "whsec_YWJj"}}, user)
    setup.plan(hook, {{"schedule": "run", "hour": 8, "weekday": 0, "hold_percent": 0, "expires_days": 7, "name": "hook"}}, Which(), user)
print(prediction.id)
"""
SCORE_AGAIN = """
from apps.runs.queue import enqueue
from apps.workspaces.scope import workspace_scope
with workspace_scope({workspace}):
    enqueue("score", {prediction})
"""


class Person:
    """Somebody with a browser that runs no scripts."""

    def __init__(self) -> None:
        self.session = requests.Session()

    def send(self, stack: Stack, path: str, form: dict, page: str = "", **more: object) -> requests.Response:
        seen = self.session.get(stack.base + (page or path), timeout=30).text
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"|"X-CSRFToken": *"(\w+)"', seen)
        headers = {
            "X-CSRFToken": token[1] or token[2] if token else self.session.cookies["csrftoken"],
            "Referer": stack.base,
        }
        answer = self.session.post(stack.base + path, data=form, headers=headers, timeout=30, **more)
        assert answer.status_code == 200, answer.text[:500]
        return answer


@pytest.fixture
def hook():
    received: list[dict] = []

    def take(handler) -> None:
        received.append(json.loads(handler.rfile.read(int(handler.headers["Content-Length"]))))
        send_bytes(handler, b"")

    server = Web(take)
    server.received = received
    yield server
    server.stop()


@pytest.fixture
def taken_back():
    """The release before, started on a database that this release has migrated."""
    running = Stack("roll-back", root=lay_out_the_release_before())
    shutil.rmtree(running.var, ignore_errors=True)
    running.start()
    yield running
    running.stop()


def sign_up_and_upload(stack: Stack, olga: Person) -> tuple[str, int]:
    """The workspace's slug and number, once its file has been read."""
    form = {
        "name": "Olga Before",
        "company": "Before Ltd",
        "email": "olga@before.example",
        "password1": "a calm long sentence",
    }
    slug = re.search(r"/w/([\w-]+)/", olga.send(stack, "/accounts/signup/", form).url)[1]
    with (DATA / "telco_small.csv").open("rb") as file:
        olga.send(stack, f"/w/{slug}/datasets/upload/", {}, page=f"/w/{slug}/datasets/", files={"file": file})
    wait_for(lambda: stack.sql("SELECT 1 FROM datasets_snapshot"), 40, "the file to be read")
    return slug, stack.sql("SELECT id FROM workspaces_workspace")[0][0]


def delivered(hook: Web, stack: Stack, times: int) -> None:
    wait_for(
        lambda: stack.sql("SELECT count(*) FROM outbox_sending WHERE state = 'arrived'")[0][0] >= times,
        60,
        "delivery",
    )
    assert hook.received


@pytest.mark.long
def test_the_release_before_works_on_this_database_and_this_one_goes_on_from_there(taken_back, hook):
    stack, olga = taken_back, Person()
    assert stack.answers("/readyz"), "migrations it does not know are nothing to it"
    slug, workspace = sign_up_and_upload(stack, olga)
    prediction = int(run_python(stack, PREDICT.format(workspace=workspace, hook=hook.base)))
    start_training(stack, workspace, prediction)
    wait_for(lambda: stack.sql("SELECT 1 FROM scoring_scoringrun"), 120, "training and scoring")
    delivered(hook, stack, 1)
    before = stack.sql("SELECT key, round(value::numeric, 9) FROM scoring_score ORDER BY key")
    assert len(before) > 100

    stack.halt()
    stack.root = ROOT
    stack.launch()
    page = olga.session.get(f"{stack.base}/w/{slug}/predictions/{prediction}/scores/", timeout=30)
    assert page.status_code == 200 and f"of {len(before):,}" in page.text, "she is still logged in and sees her scores"
    run_python(stack, SCORE_AGAIN.format(workspace=workspace, prediction=prediction))
    wait_for(lambda: stack.sql("SELECT count(*) FROM runs_run WHERE kind = 'score' AND state = 'succeeded'")[0][0] > 1, 60, "another scoring")  # fmt: skip
    assert stack.sql("SELECT key, round(value::numeric, 9) FROM scoring_score ORDER BY key") == before
    assert not stack.sql("SELECT kind, error FROM runs_run WHERE state = 'failed'")
    assert "Traceback" not in (stack.var / "stack.log").read_text()
