"""Reads that monitoring pages need, in a constant number of queries."""

from __future__ import annotations

from apps.monitoring.models import OPEN_STATES, Alert, Observation
from apps.predictions.models import Prediction
from apps.scoring.models import ScoringRun

RUNS_SHOWN = 30


def recent_runs(prediction: Prediction) -> list[ScoringRun]:
    """The newest thirty scoring runs, oldest first."""
    return list(
        ScoringRun.objects.filter(prediction=prediction)
        .select_related("version")
        .order_by("-as_of", "-id")[:RUNS_SHOWN]
    )[::-1]


def range_history(prediction: Prediction) -> dict[str, list[Observation]]:
    """Per field its share outside the learnt range over the newest thirty runs, oldest first."""
    runs = (
        ScoringRun.objects.filter(prediction=prediction)
        .order_by("-as_of", "-id")
        .values_list("id", flat=True)[:RUNS_SHOWN]
    )
    found: dict[str, list[Observation]] = {}
    for row in Observation.objects.filter(scoring_run_id__in=list(runs), metric="outside").order_by("at"):
        found.setdefault(row.field, []).append(row)
    return found


def open_by_prediction() -> dict[int, str]:
    """The worst severity of each prediction's open alerts."""
    found: dict[int, str] = {}
    for prediction_id, severity in Alert.objects.filter(state__in=OPEN_STATES).values_list("prediction_id", "severity"):
        found[prediction_id] = "critical" if "critical" in (severity, found.get(prediction_id)) else severity
    return found
