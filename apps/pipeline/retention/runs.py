"""Runs that have ended."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.pipeline.retention import Kind, before
from apps.predictions.models import ModelVersion
from apps.runs.models import ENDED, Run


def due(days: int) -> QuerySet:
    later = Run.objects.filter(
        kind=OuterRef("kind"), subject_id=OuterRef("subject_id"), created_at__gt=OuterRef("created_at")
    )
    trained = ModelVersion.objects.filter(id=OuterRef("subject_id"))
    passed = Exists(later) | Q(kind="train") & ~Exists(trained)  # its prediction was removed (deleted_predictions.py)
    old = Run.objects.filter(passed, state__in=ENDED, ended_at__lt=before(days))
    return old.exclude(outcome__has_key="key").order_by("id")  # a file to take away has its own time


def remove(rows: list[Run]) -> list[str]:
    Run.objects.filter(id__in=[row.id for row in rows]).delete()
    return []


KIND = Kind(
    "runs", "Work that has ended", "When something was read, trained or scored, how long it took and how it ended.",
    "The last one of each dataset, model and prediction.", 180, 130, due, remove, least=30,
)  # fmt: skip
