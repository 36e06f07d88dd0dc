"""Files as they came. What was read of them lies in snapshots."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from apps.datasets.models import Upload
from apps.pipeline.retention import Kind, before
from apps.runs.models import LIVE, Run


def due(days: int) -> QuerySet:
    being_read = Run.objects.filter(kind="ingest", subject_id=OuterRef("dataset_id"), state__in=LIVE)
    old = Upload.objects.filter(uploaded_at__lt=before(days)).exclude(storage_key="")
    return old.exclude(Exists(being_read)).order_by("id")


def remove(rows: list[Upload]) -> list[str]:
    """Who sent what and when stays on the dataset's page."""
    Upload.objects.filter(id__in=[row.id for row in rows]).update(storage_key="")
    return [row.storage_key for row in rows]


KIND = Kind(
    "uploads", "Files you uploaded", "The file as it came.", "The records that were read of it, its name, and who sent it.", 90, 10, due, remove,
)  # fmt: skip
