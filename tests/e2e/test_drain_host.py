"""A drained host ends what it does, takes nothing more, and goes on when it is lifted: a deploy loses no work."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.e2e.conftest import DATA
from tests.e2e.stack import ROOT, make_prediction, run_python, start_training, state_of, wait_for

HOST = socket.gethostname()[:80]
SCORE = """
from apps.runs.queue import enqueue
from apps.workspaces.scope import workspace_scope
with workspace_scope({workspace}):
    print(enqueue("score", {prediction}).id)
"""


def manage(stack, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=stack.env, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture
def training(stack):
    workspace, _, _, prediction = make_prediction(
        stack, "drain", DATA / "telco_small.csv", schedule="none", training='{"trials": 8, "threads": 1}'
    )
    run = start_training(stack, workspace, prediction)
    wait_for(lambda: stack.sql("SELECT progress->>'tried' FROM runs_run WHERE id = %s", run)[0][0], 60, "the training")
    yield workspace, prediction, run
    manage(stack, "drain", "off", "--host", HOST)


@pytest.mark.long
def test_a_drained_host_ends_its_work_takes_nothing_more_and_goes_on_afterwards(stack, training):
    workspace, prediction, run = training
    manage(stack, "drain", "on", "--host", HOST)
    waiting = int(run_python(stack, SCORE.format(workspace=workspace, prediction=prediction)))
    assert manage(stack, "drain", "wait", "--host", HOST) == "Empty."
    assert state_of(stack, run)[:2] == ("succeeded", 1)
    wait_for(lambda: len(stack.pids("manage.py work")) == 2, 30, "both worker groups to be their first process alone")
    assert state_of(stack, waiting)[0] in {"queued", "dispatched"}

    manage(stack, "drain", "off", "--host", HOST)
    wait_for(lambda: state_of(stack, waiting)[0] == "succeeded", 60, "the waiting run")


@pytest.mark.long
def test_a_worker_group_that_is_drained_still_stops_when_asked(stack):
    manage(stack, "drain", "on", "--host", HOST)
    try:
        wait_for(lambda: len(stack.pids("manage.py work")) == 2, 60, "the workers to stop")
        [group] = stack.pids("manage.py work train")
        os.kill(group, signal.SIGTERM)
        wait_for(lambda: group not in stack.pids("manage.py work train"), 10, "the drained group to stop")
    finally:
        manage(stack, "drain", "off", "--host", HOST)
