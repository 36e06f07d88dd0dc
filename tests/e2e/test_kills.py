"""kill -9 in the middle: the work is picked up again, ends once, and nothing is written twice."""

from __future__ import annotations

import os
import signal

import psycopg
import pytest

from einstein.postgres.embedded import EmbeddedServer
from tests.e2e.conftest import DATA
from tests.e2e.stack import make_prediction, run_python, start_training, state_of, wait_for

PICKED_UP_SECONDS = 60
KEEPS_SCORES = "SELECT 1 FROM pg_locks WHERE relation = 'scoring_score'::regclass AND NOT granted"
LONG_TRAINING = '{"trials": 14, "threads": 1}'


@pytest.fixture(scope="module")
def made(stack):
    return make_prediction(stack, "kills", DATA / "telco_small.csv", schedule="none", training=LONG_TRAINING)


def begin(stack, made) -> int:
    workspace, _, _, prediction = made
    run = start_training(stack, workspace, prediction)
    wait_for(
        lambda: stack.sql("SELECT progress->>'tried' FROM runs_run WHERE id = %s", run)[0][0],
        60,
        "training to be in the middle",
    )
    return run


def ends_once(stack, run: int) -> None:
    wait_for(lambda: state_of(stack, run)[1] >= 2, PICKED_UP_SECONDS, "the run to be picked up again")
    wait_for(lambda: state_of(stack, run)[0] not in ("queued", "dispatched", "running"), 150, "the run to end")
    assert state_of(stack, run)[0] == "succeeded"
    version = stack.sql("SELECT subject_id FROM runs_run WHERE id = %s", run)[0][0]
    assert stack.sql(
        "SELECT count(*) FROM predictions_modelversion WHERE id = %s AND state IN ('candidate', 'champion', 'retired')",
        version,
    ) == [(1,)]


def parent_of(pid: int) -> int:
    return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])


@pytest.mark.long
def test_a_killed_training_process_is_started_again(stack, made):
    run = begin(stack, made)
    for pid in stack.pids("einstein.ml job"):
        os.kill(pid, signal.SIGKILL)
    ends_once(stack, run)


def test_a_killed_worker_process_loses_nothing_and_takes_its_child_with_it(stack, made):
    run = begin(stack, made)
    child = stack.pids("einstein.ml job")[0]
    os.kill(parent_of(child), signal.SIGKILL)
    wait_for(lambda: child not in stack.pids("einstein.ml job"), 10, "the child to die with its parent")
    ends_once(stack, run)


@pytest.mark.long
def test_a_killed_qcluster_parent_leaves_no_orphans_that_write(stack, made):
    run = begin(stack, made)
    lease = state_of(stack, run)[2]
    workers = stack.pids("manage.py work train")
    parent = next(pid for pid in workers if parent_of(pid) not in workers)
    os.kill(parent, signal.SIGKILL)
    wait_for(lambda: not set(workers) & set(stack.pids("manage.py work train")), 10, "the orphans to die")
    ends_once(stack, run)
    assert state_of(stack, run)[2] > lease


def test_a_worker_killed_while_scoring_leaves_each_record_one_score(stack, made):
    workspace, _, _, prediction = made
    wait_for(
        lambda: stack.sql("SELECT 1 FROM scoring_score WHERE prediction_id = %s", prediction), 90, "the first scores"
    )
    wait_for(
        lambda: (
            not stack.sql(
                "SELECT 1 FROM runs_run WHERE kind = 'score' AND subject_id = %s AND state IN ('queued','dispatched','running')",
                prediction,
            )
        ),
        60,
        "quiet",
    )
    stack.sql("UPDATE scoring_scoringrun SET fingerprint = 'old' WHERE prediction_id = %s", prediction)
    stack.sql("UPDATE predictions_prediction SET score_mode = 'all' WHERE id = %s", prediction)
    with psycopg.connect(stack.owner_url()) as holding:  # in the middle of the transaction that keeps the scores
        holding.execute("LOCK TABLE scoring_score IN SHARE ROW EXCLUSIVE MODE")
        run = int(run_python(stack, f"""
from apps.workspaces.scope import workspace_scope
from apps.runs.queue import enqueue
with workspace_scope({workspace}):
    print(enqueue("score", {prediction}).id)
"""))  # fmt: skip
        wait_for(lambda: stack.sql(KEEPS_SCORES), 30, "scores to be kept")
        assert state_of(stack, run)[0] == "running"
        for pid in stack.pids("manage.py work interactive"):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    wait_for(
        lambda: state_of(stack, run)[0] == "succeeded", PICKED_UP_SECONDS + 30, "the run to be done by another worker"
    )
    assert stack.sql(
        "SELECT count(*), count(DISTINCT key) FROM scoring_score WHERE prediction_id = %s", prediction
    ) == [(1600, 1600)]
    assert stack.sql("SELECT count(*) FROM scoring_scoringrun WHERE run_id = %s", run) == [(1,)]


def test_a_write_with_an_old_lease_is_refused(stack, made):
    printed = run_python(stack, f"""
from apps.runs.lease import Work, LeaseLost
from apps.runs.models import Run
from apps.workspaces.scope import workspace_scope
with workspace_scope({made[0]}):
    run = Run.objects.order_by("id").last()
    Run.objects.filter(id=run.id).update(state="running", lease=run.lease + 1)
work = Work({made[0]}, run)
try:
    work.finish("succeeded")
except LeaseLost:
    print("refused")
with workspace_scope({made[0]}):
    Run.objects.filter(id=run.id).update(state="succeeded")
""")  # fmt: skip
    assert printed.splitlines()[-1] == "refused"


def test_a_killed_database_is_started_again(stack):
    number = EmbeddedServer(stack.var).data / "postmaster.pid"
    before = number.read_text()
    os.kill(int(before.split("\n")[0]), signal.SIGKILL)
    wait_for(lambda: number.exists() and number.read_text() != before and stack.answers("/readyz"), 60, "the database to be back")  # fmt: skip
    assert "PostgreSQL stopped; it is started again" in (stack.var / "stack.log").read_text()
