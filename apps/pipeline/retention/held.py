"""Tables that did not fit and that somebody has decided on."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from apps.datasets.models import HeldTable
from apps.pipeline.retention import Kind, before
from apps.runs.models import LIVE, Run


def due(days: int) -> QuerySet:
    being_taken = Run.objects.filter(kind="accept", subject_id=OuterRef("dataset_id"), state__in=LIVE)
    decided = HeldTable.objects.filter(created_at__lt=before(days)).exclude(state="open")
    return decided.exclude(Exists(being_taken)).order_by("id")


def remove(rows: list[HeldTable]) -> list[str]:
    HeldTable.objects.filter(id__in=[row.id for row in rows]).delete()
    return [row.storage_key for row in rows]


KIND = Kind(
    "held", "Tables that did not fit", "What was accepted, discarded, or followed by a newer one.", "What still waits for a decision.", 30, 30, due, remove,
)  # fmt: skip
