"""The workspaces as operators see them: names and admins to help them by, and counts; no records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Sum

from apps.datasets.models import Dataset, Snapshot
from apps.monitoring.models import LIVE_INCIDENT, Incident
from apps.predictions.models import ModelVersion, Prediction
from apps.runs.models import Run
from apps.workspaces.models import Membership, SupportGrant, Workspace
from apps.workspaces.quotas import Figure, default_of, registry
from apps.workspaces.scope import workspace_scope
from apps.workspaces.support import live_grant
from apps.workspaces.usage import usage_of


@dataclass(frozen=True)
class Line:
    """One workspace in the list; `failed` Runs are of a day, `oldest_seconds` is how long its oldest due Run waits."""

    id: int
    name: str
    admins: list[str]
    failed: int
    critical: int
    waiting: int
    oldest_seconds: float
    paused_at: datetime | None
    created_at: datetime
    share: float  # of its fullest quota; an hour old at most


class Lines:
    """The workspaces whose number, name or admins' addresses hold some text, worst first; a paginator takes pages of it."""

    ordered = True
    DOOR = "workspaces_by_need(%s, %s::text[], %s::bigint[])"

    def __init__(self, sought: str) -> None:
        kinds = list(registry())
        self.asked = [sought, kinds, [default_of(kind) for kind in kinds]]

    def count(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self.DOOR}", self.asked)
            return cursor.fetchone()[0]

    def __getitem__(self, part: slice) -> list[Line]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT * FROM {self.DOOR} LIMIT %s OFFSET %s",
                [*self.asked, part.stop - part.start, part.start],
            )
            return [Line(*row) for row in cursor.fetchall()]


@dataclass
class Whole:
    """One workspace, in counts."""

    workspace: Workspace
    admins: list[str]
    counts: list[tuple[str, int]]
    bytes: int
    models: list[tuple[str, int]]
    grant: SupportGrant | None
    quotas: list[Figure]


def exists(workspace_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM workspace_by_id(%s)", [workspace_id])
        return cursor.fetchone() is not None


def one_workspace(workspace_id: int) -> Whole | None:
    """None when there is no such workspace."""
    with workspace_scope(workspace_id):
        workspace = Workspace.objects.filter(id=workspace_id).first()
        if workspace is None:
            return None
        members = Membership.objects.select_related("user").order_by("id")
        states = ModelVersion.objects.values_list("state").annotate(count=Count("id")).order_by("state")
        return Whole(
            workspace, [member.user.email for member in members if member.role == "admin"], _counts(len(members)),
            Snapshot.objects.aggregate(size=Sum("bytes"))["size"] or 0, list(states), live_grant(workspace_id),
            [Figure(registry()[one.kind], one.used, one.limit) for one in usage_of([workspace_id])],
        )  # fmt: skip


def _counts(members: int) -> list[tuple[str, int]]:
    runs = Run.objects.values_list("state").annotate(count=Count("id"))
    live: dict[str, Any] = dict(runs.filter(state__in=["queued", "dispatched", "running"]))
    return [
        ("Members", members),
        ("Datasets", Dataset.objects.exclude(state="deleted").count()),
        ("Predictions", Prediction.objects.exclude(state="deleted").count()),
        ("Open incidents", Incident.objects.filter(state__in=LIVE_INCIDENT).count()),
        ("Runs that wait", live.get("queued", 0) + live.get("dispatched", 0)),
        ("Runs under way", live.get("running", 0)),
    ]
