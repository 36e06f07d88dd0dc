"""What workspaces use: measured once an hour by the clock, counted when a page asks, told to operators as numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from apps.workspaces.models import Usage, Workspace
from apps.workspaces.quotas import Figure, default_of, limit_of, registry
from einstein.postgres import moment

AT_ONCE = 20


@dataclass(frozen=True)
class WorkspaceUsage:
    """One quota of one workspace as it was measured last."""

    workspace_id: int
    kind: str
    used: int
    limit: int


def to_measure() -> list[int]:
    """Workspaces that were not measured for an hour, the longest ago first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM workspaces_to_measure(%s, %s)", [AT_ONCE, settings.USAGE_SECONDS])
        return [row[0] for row in cursor.fetchall()]


def measure(workspace_id: int) -> list[Figure]:
    """Measure every quota of the workspace in scope and keep the figures. What comes meanwhile counts twice until the next time, never not at all."""
    began = moment.now()
    found = [Figure(quota, (quota.measure or quota.used)(), limit_of(kind)) for kind, quota in registry().items()]
    rows = [
        Usage(workspace_id=workspace_id, kind=figure.quota.kind, used=figure.used, measured_at=began)
        for figure in found
    ]
    Usage.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["workspace", "kind"], update_fields=["used", "measured_at"]
    )
    Workspace.objects.filter(id=workspace_id).update(measured_at=began)
    return found


def usage_of(workspace_ids: Iterable[int] | None = None) -> list[WorkspaceUsage]:
    """For operators: every quota of all workspaces, or of some, by numbers; an hour old at most."""
    kinds, wanted = list(registry()), None if workspace_ids is None else list(workspace_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT workspace_id, kind, used, most FROM workspace_usage(%s::text[], %s::bigint[], %s::bigint[])",
            [kinds, [default_of(kind) for kind in kinds], wanted],
        )
        return [WorkspaceUsage(*row) for row in cursor.fetchall()]
