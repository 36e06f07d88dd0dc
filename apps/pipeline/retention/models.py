"""Models that are not in use any more. Their scorecards stay."""

from __future__ import annotations

from django.db.models import Count, DateTimeField, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from apps.pipeline.retention import Kind, before
from apps.predictions.models import ModelVersion
from apps.scoring.models import Score

LAST = 3  # of a prediction, beside the one in use
IDLE = ["candidate", "retired"]


def due(days: int) -> QuerySet:
    """Retired ones, and candidates that a later version was preferred to."""
    idle = ModelVersion.objects.filter(state__in=IDLE).exclude(storage_key="")
    later = ModelVersion.objects.filter(prediction_id=OuterRef("prediction_id"), number__gt=OuterRef("number"))
    counted = later.filter(state__in=IDLE).exclude(storage_key="").order_by().values("prediction_id")
    newer = Coalesce(Subquery(counted.annotate(n=Count("id")).values("n"), output_field=IntegerField()), 0)
    stood = Coalesce("enabled_at", "created_at", output_field=DateTimeField())
    on_show = Score.objects.filter(version=OuterRef("id"))
    return (
        idle.annotate(newer=newer, stood=stood)
        .filter(Q(state="retired") | Exists(later.filter(state="champion")), newer__gte=LAST, stood__lt=before(days))
        .exclude(Exists(on_show))
        .order_by("id")
    )


def remove(rows: list[ModelVersion]) -> list[str]:
    ModelVersion.objects.filter(id__in=[row.id for row in rows]).update(storage_key="")
    return [row.storage_key for row in rows]


KIND = Kind(
    "models", "Models that were replaced", "The model itself: it cannot be enabled again.",
    f"Its scorecard, the last {LAST} replaced ones, and any that a score on show came from.", 365, 80, due, remove, least=30,
)  # fmt: skip
