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


def outside_shares(runs: list[ScoringRun]) -> dict[str, list[float]]:
    """Per field the percentage outside the learnt range in each of `runs`; a run that did not look at it counts as 0."""
    place = {run.id: number for number, run in enumerate(runs)}
    shares: dict[str, list[float]] = {}
    seen = Observation.objects.filter(scoring_run_id__in=list(place), metric="outside")
    for run_id, field, value in seen.values_list("scoring_run_id", "field", "value"):
        shares.setdefault(field, [0.0] * len(runs))[place[run_id]] = 100 * value
    return shares


def open_by_prediction() -> dict[int, str]:
    """The worst severity of each prediction's open alerts."""
    found: dict[int, str] = {}
    for prediction_id, severity in Alert.objects.filter(state__in=OPEN_STATES).values_list("prediction_id", "severity"):
        found[prediction_id] = "critical" if "critical" in (severity, found.get(prediction_id)) else severity
    return found
