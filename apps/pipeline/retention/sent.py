"""Records that other programs sent, as they came."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.datasets.models import PushedBatch
from apps.pipeline.retention import Kind, before


def due(days: int) -> QuerySet:
    """Batches that wait stay, however long."""
    return PushedBatch.objects.filter(received_at__lt=before(days)).exclude(state="waiting").order_by("id")


def remove(rows: list[PushedBatch]) -> list[str]:
    PushedBatch.objects.filter(id__in=[row.id for row in rows]).delete()
    return [row.storage_key for row in rows]


KIND = Kind(
    "sent", "Records sent by other programs", "Each batch as it came, and what became of it.", "The records, in the dataset. Batches that wait.", 90, 20, due, remove,
)  # fmt: skip
