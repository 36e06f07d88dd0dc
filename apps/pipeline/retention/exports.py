"""Files with everything, written to take away."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.pipeline.retention import Kind, before
from apps.runs.models import Run


def due(days: int) -> QuerySet:
    written = Run.objects.filter(kind="export", outcome__has_key="key", ended_at__lt=before(days))
    return written.order_by("id")


def remove(rows: list[Run]) -> list[str]:
    Run.objects.filter(id__in=[row.id for row in rows]).update(outcome={})
    return [row.outcome["key"] for row in rows]


KIND = Kind(
    "exports",
    "Files to take away",
    "The file with everything that an admin asked for.",
    "What it was made of.",
    7,
    140,
    due,
    remove,
)
