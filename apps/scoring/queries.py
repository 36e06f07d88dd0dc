"""Reads that score pages need, in a constant number of queries."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import TruncDate

from apps.predictions.models import Prediction
from apps.scoring.models import Score, ScoringRun
from einstein.postgres import moment

BANDS = {"high": "High", "medium": "Medium", "low": "Low"}


def current_scores(prediction: Prediction, run: ScoringRun | None, band: str, key_part: str) -> QuerySet[Score]:
    """Scores of the newest run, highest first."""
    found = Score.objects.filter(prediction=prediction, scoring_run=run) if run else Score.objects.none()
    if band in BANDS:
        found = found.filter(band=band)
    if key_part:
        found = found.filter(key__icontains=key_part)
    return found.order_by("-value", "key")


def daily_runs(prediction_ids: list[int], days: int = 30) -> dict[int, list[ScoringRun]]:
    """Per prediction the last scoring run of each day, oldest first."""
    since = moment.now() - timedelta(days=days)
    runs = (
        ScoringRun.objects.filter(prediction_id__in=prediction_ids, as_of__gte=since)
        .annotate(day=TruncDate("as_of"))
        .order_by("prediction_id", "day", "-as_of")
        .distinct("prediction_id", "day")
        .defer("histogram")
    )
    found: dict[int, list[ScoringRun]] = {}
    for run in runs:
        found.setdefault(run.prediction_id, []).append(run)
    return found


def neighbours(score: Score) -> tuple[Score | None, Score | None]:
    """The records with the next higher and the next lower score of the same run."""
    same = Score.objects.filter(prediction_id=score.prediction_id, scoring_run_id=score.scoring_run_id)
    higher = (
        same.filter(Q(value__gt=score.value) | Q(value=score.value, key__lt=score.key))
        .order_by("value", "-key")
        .first()
    )
    lower = (
        same.filter(Q(value__lt=score.value) | Q(value=score.value, key__gt=score.key))
        .order_by("-value", "key")
        .first()
    )
    return higher, lower
