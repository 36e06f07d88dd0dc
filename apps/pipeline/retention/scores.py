"""The scores of earlier runs, one file a run."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from apps.monitoring.models import Look
from apps.pipeline.in_use import scoring_runs_in_use
from apps.pipeline.retention import Kind, before
from apps.scoring.models import Score, ScoringRun


def due(days: int) -> QuerySet:
    old = ScoringRun.objects.filter(as_of__lt=before(days)).exclude(history_key="")
    return old.exclude(id__in=scoring_runs_in_use()).order_by("id")


def remove(rows: list[ScoringRun]) -> list[str]:
    numbers = [row.id for row in rows]
    ScoringRun.objects.filter(id__in=numbers).update(history_key="")
    drop_bare(numbers)
    return [row.history_key for row in rows]


def drop_bare(numbers: list[int]) -> None:
    """Runs go whole once nothing hangs on them: no file, no look of the watch, no score on show."""
    scores = Score.objects.filter(prediction=OuterRef("prediction"), scoring_run=OuterRef("id"))
    looks = Look.objects.filter(scoring_run=OuterRef("id"))
    bare = ScoringRun.objects.filter(id__in=numbers, history_key="").exclude(Exists(scores)).exclude(Exists(looks))
    bare.delete()


KIND = Kind(
    "scores", "Scores of earlier runs", "What was said of each record in that run.",
    "The newest score of every record, what came true, and runs a delivery still compares with.", 730, 50, due, remove, least=30,
)  # fmt: skip
