"""Removing what is older than it is kept: each workspace once an hour, a few rows of each kind at a time.

Rows go first and their files after the commit, so that no row ever speaks of a file that is gone. What a killed clock leaves between the two is a
file that nobody speaks of; it is swept (apps/pipeline/sweep.py). Several clocks may clean: a row is locked by one, and the others pass it by.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from apps.pipeline.models import Retention
from apps.pipeline.retention import Kind, registry
from apps.pipeline.sweep import sweep, sweep_incoming
from apps.workspaces import audit
from apps.workspaces.scope import workspace_scope
from einstein import storage
from einstein.fault_points import fault_point
from einstein.postgres.file_lock import files_may_go

logger = logging.getLogger("einstein.clean")
AT_ONCE = 20  # workspaces a tick
SOON = timedelta(minutes=1)  # where more is left than was taken at once
SWEPT_EVERY = timedelta(days=1)


def clean_due() -> int:
    """Clean the workspaces whose hour has come; return how many. While a backup is made all files stay."""
    with files_may_go() as may:
        claimed = _claimed() if may else []
        for workspace_id in claimed:
            try:
                clean_workspace(workspace_id)
            except Exception:  # the others' hour has come too; this one comes again in an hour
                logger.exception("workspace %s could not be cleaned", workspace_id)
    return len(claimed)


def _claimed() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM claim_cleaning(%s)", [AT_ONCE])
        return [row[0] for row in cursor.fetchall()]


def clean_workspace(workspace_id: int) -> dict[str, int]:
    """Remove a batch of each kind that is due; {kind: rows} of those that had any."""
    with workspace_scope(workspace_id):
        own = own_days()
    kinds = [kind for kind in registry().values() if kind.inside]
    gone = {kind.name: remove_some(kind, kind.kept_with(own), workspace_id) for kind in kinds}
    if any(gone[kind.name] >= kind.batch for kind in kinds):
        with workspace_scope(workspace_id):
            Retention.objects.update(next_at=Now() + SOON)
    if _sweep_is_due(workspace_id):
        sweep(workspace_id)
    return {name: rows for name, rows in gone.items() if rows}


def clean_installation() -> dict[str, int]:
    """The same of what belongs to no workspace."""
    sweep_incoming()
    return {kind.name: remove_some(kind, kind.kept) for kind in registry().values() if not kind.inside}


def remove_some(kind: Kind, days: int, workspace_id: int | None = None) -> int:
    """Remove one batch of a kind; how many rows it took."""
    with _scope(workspace_id):
        due = kind.due(days)
        rows = list((due if kind.by_door else due.select_for_update(skip_locked=True, of=("self",)))[: kind.batch])
        if not rows:
            return 0
        keys = kind.remove(rows)
        if workspace_id is not None and not kind.by_door:
            audit.record(None, "old data removed", kind.title, rows=len(rows), older_than_days=days)
    fault_point("old rows gone")
    for key in filter(None, keys):
        storage.delete(key)
    return len(rows)


def own_days() -> dict[str, int]:
    """What the workspace in scope has chosen."""
    return Retention.objects.values_list("days", flat=True).first() or {}


def _sweep_is_due(workspace_id: int) -> bool:
    """Whether this clock is the one to sweep today."""
    with workspace_scope(workspace_id):
        due = Retention.objects.filter(Q(swept_at=None) | Q(swept_at__lt=Now() - SWEPT_EVERY))
        return bool(due.update(swept_at=Now()))


@contextmanager
def _scope(workspace_id: int | None) -> Iterator[None]:
    with transaction.atomic() if workspace_id is None else workspace_scope(workspace_id):
        yield
