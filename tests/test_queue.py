"""Work is handed out in fair order, and what was lost with a killed worker group again, whatever the broker still holds of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from apps.runs.lease import LeaseLost, claim_next
from apps.runs.models import Run
from apps.runs.queue import UNCLAIMED_SECONDS, dispatch_due, enqueue, enqueue_each
from apps.workspaces.scope import workspace_scope

OLD = timedelta(seconds=UNCLAIMED_SECONDS + 1)


@pytest.fixture
def handed(inside):
    """A Run that was handed to django-q longer ago than a living worker takes to claim it."""
    run = enqueue("score", 1, due_at=timezone.now() - OLD)
    assert dispatch_due("interactive") == 1
    Run.objects.filter(id=run.id).update(dispatched_at=timezone.now() - OLD)
    return run


def state_of(run: Run) -> str:
    return Run.objects.get(id=run.id).state


@pytest.mark.parametrize("broker", ["nothing", "a locked row"])
def test_what_nobody_claimed_is_handed_over_again(handed, broker):
    if broker == "nothing":
        OrmQ.objects.all().delete()
    else:  # taken out by a part of the worker group that was killed before anybody had it
        OrmQ.objects.update(lock=timezone.now() + timedelta(hours=1))
    dispatch_due("interactive")
    assert dispatch_due("interactive") + OrmQ.objects.filter(lock__lte=timezone.now()).count() >= 1
    assert state_of(handed) == "dispatched"
    assert Run.objects.get(id=handed.id).dispatched_at > timezone.now() - OLD


def test_what_still_waits_in_the_broker_is_left_there(handed):
    before = Run.objects.get(id=handed.id).dispatched_at
    dispatch_due("interactive")
    assert OrmQ.objects.count() == 1
    assert Run.objects.get(id=handed.id).dispatched_at == before


def due(workspace, count: int, minutes_ago: int) -> list[Run]:
    with workspace_scope(workspace.id):
        at = timezone.now() - timedelta(minutes=minutes_ago)
        return [enqueue("score", number, due_at=at) for number in range(count)]


def in_hand(workspace) -> int:
    with workspace_scope(workspace.id):
        return Run.objects.filter(state__in=["dispatched", "running"]).count()


def test_one_hand_over_is_shared_among_all_that_wait(workspace, elsewhere, settings):
    settings.WORKERS = {"interactive": 2}
    due(workspace, 50, minutes_ago=60)
    due(elsewhere, 3, minutes_ago=1)
    assert dispatch_due("interactive") == 4
    assert (in_hand(workspace), in_hand(elsewhere)) == (2, 2)


def test_a_workspace_that_waits_alone_gets_all_workers(workspace, settings):
    settings.WORKERS = {"interactive": 2}
    due(workspace, 50, minutes_ago=60)
    assert dispatch_due("interactive") == in_hand(workspace) == 4


def test_workers_that_go_on_with_what_is_due_leave_no_calls_to_work_behind(workspace, settings):
    settings.WORKERS = {"interactive": 2}
    due(workspace, 20, minutes_ago=60)
    ended = 0
    while dispatch_due("interactive") or ended < 20:
        work = claim_next("interactive")
        work.finish("succeeded")
        ended += 1
    assert ended == 20
    assert OrmQ.objects.count() <= 4


def test_a_worker_takes_what_was_handed_over_of_whom_has_none_running_first(workspace, elsewhere, settings):
    settings.WORKERS = {"interactive": 2}
    due(workspace, 4, minutes_ago=60)
    dispatch_due("interactive")
    assert claim_next("interactive").workspace_id == workspace.id
    [theirs] = due(elsewhere, 1, minutes_ago=1)
    with workspace_scope(elsewhere.id):
        Run.objects.filter(id=theirs.id).update(state="dispatched", dispatched_at=timezone.now())
    assert [claim_next("interactive").workspace_id for _ in range(2)] == [elsewhere.id, workspace.id]


def test_several_runs_are_queued_at_once_and_what_is_live_stays(inside):
    live = enqueue("score", 1, unique_key="score:1")
    enqueue_each("score", {1: "score:1", 2: "score:2"}, "interactive")
    enqueue_each("score", {1: "score:1", 2: "score:2"}, "interactive")
    enqueue_each("score", {}, "interactive")
    assert list(Run.objects.order_by("subject_id").values_list("subject_id", "queue", "state")) == [
        (1, "interactive", "queued"), (2, "interactive", "queued")
    ]  # fmt: skip
    assert Run.objects.get(subject_id=1).id == live.id


def test_a_run_succeeds_with_the_fence_that_says_so(inside):
    enqueue("score", 1, due_at=timezone.now() - OLD)
    work = claim_next("interactive")
    work.stage("Count")
    with work.fenced():
        work.succeed()
        assert work.ended_as == ""
    assert work.ended_as == "succeeded"
    run = Run.objects.get()
    assert run.state == "succeeded"
    assert run.ended_at
    assert run.stages[-1]["ended"]
    with pytest.raises(LeaseLost), work.fenced():
        pass


def test_a_fence_that_breaks_off_has_ended_nothing(inside):
    enqueue("score", 1, due_at=timezone.now() - OLD)
    work = claim_next("interactive")
    with pytest.raises(ZeroDivisionError), work.fenced():
        work.succeed()
        raise ZeroDivisionError
    assert (work.ended_as, state_of(Run.objects.get())) == ("", "running")
    work.finish("failed", error="No.")
    assert (work.ended_as, state_of(Run.objects.get())) == ("failed", "failed")
