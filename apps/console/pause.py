"""Pausing a workspace: its queued Runs wait, nothing of it is planned, programs may not write. What is under way ends."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from apps.console.log import note_in_workspace
from apps.monitoring.models import Watch
from apps.runs.models import Run
from apps.workspaces.models import User, Workspace
from apps.workspaces.scope import workspace_scope


def pause(operator: User, workspace_id: int, reason: str) -> bool:
    """False when it was paused already. What was handed over and not begun goes back to wait."""
    with workspace_scope(workspace_id):
        fresh = Workspace.objects.filter(id=workspace_id, paused_at=None)
        if not fresh.update(paused_at=Now(), pause_reason=reason):
            return False
        Run.objects.filter(state="dispatched").update(state="queued", dispatched_at=None)
        note_in_workspace(operator, "workspace paused", reason, workspace_id)
    return True


def resume(operator: User, workspace_id: int) -> bool:
    """False when it was not paused. Checks wait for the grace: what fell due meanwhile is done first, and is not late."""
    with workspace_scope(workspace_id):
        paused = Workspace.objects.filter(id=workspace_id, paused_at__isnull=False)
        if not paused.update(paused_at=None, pause_reason=""):
            return False
        soon = Now() + timedelta(seconds=settings.GRACE_SECONDS)
        Watch.objects.filter(next_check_at__lt=soon).update(next_check_at=soon)
        note_in_workspace(operator, "workspace resumed", "", workspace_id)
    return True
