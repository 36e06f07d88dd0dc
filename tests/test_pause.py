"""An operator pauses a workspace: what is queued waits, nothing is planned, programs only read, and its people are told why."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apps.console.models import OperatorEntry
from apps.console.pause import pause, resume
from apps.monitoring.models import Watch
from apps.monitoring.watch import check_due
from apps.pipeline.clock import plan
from apps.predictions.models import Prediction
from apps.runs.lease import claim, claim_next
from apps.runs.models import Run
from apps.runs.queue import dispatch_due, enqueue
from apps.workspaces.api_keys import create_key
from apps.workspaces.models import AuditEntry, Workspace
from apps.workspaces.scope import workspace_scope

PAST = timezone.now() - timedelta(minutes=1)


def due(door: str) -> list:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {door}(10)")
        return cursor.fetchall()


def test_its_queued_runs_wait_and_others_do_not(inside, elsewhere, staff):
    ours = enqueue("score", 1, due_at=PAST)
    with workspace_scope(elsewhere.id):
        theirs = enqueue("score", 2, due_at=PAST)
    dispatch_due("interactive")
    pause(staff, inside.id, "Too much at once")
    assert Run.objects.get(id=ours.id).state == "queued"
    assert claim(inside.id, ours.id) is None
    assert claim_next("interactive").run_id == theirs.id
    assert dispatch_due("interactive") == 0 and claim_next("interactive") is None
    resume(staff, inside.id)
    assert dispatch_due("interactive") == 1


def test_nothing_is_planned_and_what_fell_due_is_planned_once_afterwards(scored, staff):
    Prediction.objects.update(next_run_at=timezone.now() - timedelta(hours=30))
    before = Run.objects.count()
    pause(staff, scored.workspace_id, "Why")
    plan()
    assert due("due_predictions") == [] and Run.objects.count() == before
    resume(staff, scored.workspace_id)
    plan()
    plan()
    assert Run.objects.filter(state="queued", kind="score").count() == 1


def test_nobody_is_alarmed_while_it_is_paused_nor_right_afterwards(scored, staff):
    Watch.objects.update(next_check_at=timezone.now() - timedelta(hours=1))
    Prediction.objects.update(next_run_at=timezone.now() - timedelta(hours=30))
    pause(staff, scored.workspace_id, "Why")
    checked = Watch.objects.get().checked_at
    check_due()
    resume(staff, scored.workspace_id)
    check_due()
    assert Watch.objects.get().checked_at == checked


def test_every_page_says_why_and_that_nothing_is_lost(client, owner, workspace, staff):
    pause(staff, workspace.id, "Your source sends too much.")
    client.force_login(owner)
    for address in ("", "datasets/", "settings/"):
        page = client.get(f"/w/{workspace.slug}/{address}").content.decode()
        assert "paused this workspace" in page and "Your source sends too much." in page


def test_programs_may_read_and_are_told_why_they_may_not_write(client, owner, inside, staff):
    _, key = create_key(owner, "Ours", "all")
    headers = {"Authorization": f"Bearer {key}"}
    pause(staff, inside.id, "Too much.")
    assert client.get("/api/v1/predictions", headers=headers).status_code == 200
    answer = client.post("/api/v1/predictions/1/score", "{}", "application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "paused")
    assert "paused by the operator of the installation: Too much." in answer.json()["detail"]
    assert answer["Content-Type"] == "application/problem+json"


def test_pausing_twice_is_pausing_once_and_both_logs_say_who(ops, staff, workspace):
    for reason in ("First", "Second"):
        ops.post(f"/console/workspaces/{workspace.id}/pause/", {"reason": reason})
    with workspace_scope(workspace.id):
        assert Workspace.objects.get().pause_reason == "First"
        [entry] = AuditEntry.objects.filter(action="workspace paused")
        assert entry.actor_name == "Ops (operator, ops@einstein.example)"
    [line] = OperatorEntry.objects.all()
    assert (line.operator_name, line.workspace_number, line.subject) == (staff.email, workspace.id, "First")
    ops.post(f"/console/workspaces/{workspace.id}/resume/")
    with workspace_scope(workspace.id):
        assert Workspace.objects.get().paused_at is None


def test_a_pause_needs_a_reason(ops, workspace):
    page = ops.post(f"/console/workspaces/{workspace.id}/pause/", {"reason": " "}, follow=True).content.decode()
    assert "Say why" in page
    with workspace_scope(workspace.id):
        assert Workspace.objects.get().paused_at is None


@pytest.mark.parametrize("deed", ["pause", "resume", "enter", "leave", "runs/1/retry"])
def test_a_workspace_that_is_none_is_404(ops, deed):
    assert ops.post(f"/console/workspaces/999999/{deed}/", {"reason": "x"}).status_code == 404


def test_a_paused_workspace_is_looked_up_by_its_own_small_index(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'workspaces_paused'")
        assert "WHERE (paused_at IS NOT NULL)" in cursor.fetchone()[0]
