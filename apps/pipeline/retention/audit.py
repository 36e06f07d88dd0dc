"""The log of who did what. The application may only add to it: what is old goes through a door of the tables' owner, which says so in the log."""

from __future__ import annotations

from django.db import connection
from django.db.models import QuerySet

from apps.pipeline.retention import Kind, before
from apps.workspaces.models import AuditEntry


def due(days: int) -> QuerySet:
    return AuditEntry.objects.filter(at__lt=before(days)).order_by("at", "id")


def remove(rows: list[AuditEntry]) -> list[str]:
    """The door takes none that is younger than a year, whatever it is asked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rows FROM shorten_log(%s)", [[row.id for row in rows]])
    return []


KIND = Kind(
    "audit", "Activity", "Who did what, and when.", "A year in any case. That the log was shortened stands in the log.", 730, 160, due, remove,
    least=365, by_door=True,
)  # fmt: skip
