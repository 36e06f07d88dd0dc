"""What the watch saw of each scoring run."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from apps.monitoring.models import Look
from apps.pipeline.retention import Kind, before
from apps.pipeline.retention.scores import drop_bare


def due(days: int) -> QuerySet:
    later = Look.objects.filter(prediction_id=OuterRef("prediction_id"), at__gt=OuterRef("at"))
    return Look.objects.filter(Exists(later), at__lt=before(days)).order_by("id")


def remove(rows: list[Look]) -> list[str]:
    Look.objects.filter(id__in=[row.id for row in rows]).delete()
    drop_bare([row.scoring_run_id for row in rows])
    return []


KIND = Kind(
    "looks", "What monitoring saw", "Each run’s figures of fields and scores, in the charts.", "The newest look, and what the watch learnt is usual.",
    730, 60, due, remove, least=90,
)  # fmt: skip
