"""Reads that monitoring pages need, in a constant number of queries."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Subquery

from apps.monitoring.checks import GRAVITY
from apps.monitoring.models import LIVE_INCIDENT, Alert, Incident, Look, Memory
from apps.predictions.models import Prediction
from apps.scoring.models import ScoringRun
from einstein.postgres import moment

RUNS_SHOWN = 30
POINTS = 60  # runs of one line: more are thinned out evenly, the newest always among them
PERIODS = {"30": "30 days", "90": "90 days", "365": "1 year", "730": "2 years"}
HEALTH_SHOWN = 300


def recent_runs(prediction: Prediction) -> list[ScoringRun]:
    """The newest thirty scoring runs, oldest first."""
    runs = ScoringRun.objects.filter(prediction=prediction).select_related("version")
    return list(runs.order_by("-as_of", "-id")[:RUNS_SHOWN])[::-1]


def looks_of(prediction: Prediction, days: int) -> tuple[list[Look], int]:
    """(at most sixty looks of the last days, oldest first; how many there were). Two queries, however many there are."""
    since = moment.now() - timedelta(days=days)
    numbers = list(
        Look.objects.filter(prediction=prediction, at__gt=since).order_by("at", "id").values_list("id", flat=True)
    )
    step = max(1, -(-len(numbers) // POINTS))
    chosen = numbers[::-1][::step]
    return list(Look.objects.filter(id__in=chosen).order_by("at", "id")), len(numbers)


def looks_between(prediction: Prediction, begins: datetime, ends: datetime) -> list[Look]:
    """At most sixty looks of a period, oldest first."""
    found = Look.objects.filter(prediction=prediction, at__gte=begins, at__lte=ends)
    numbers = list(found.order_by("at", "id").values_list("id", flat=True))
    return list(Look.objects.filter(id__in=numbers[:: max(1, -(-len(numbers) // POINTS))]).order_by("at", "id"))


def legend_of(prediction: Prediction) -> dict[str, list[str]]:
    """What the figure of each field is: {field: [what, of which answer]}."""
    memory = Memory.objects.filter(prediction=prediction).only("legend").first()
    return memory.legend if memory else {}


def live_incidents() -> list[Incident]:
    """Open incidents, gravest first."""
    found = Incident.objects.filter(state__in=LIVE_INCIDENT).annotate(count=Count("alerts__prediction", distinct=True))
    return sorted(found.order_by("-opened_at"), key=lambda one: GRAVITY[one.severity])


def open_by_prediction() -> dict[int, str]:
    """The worst severity of each prediction's open alerts; notes are none."""
    found: dict[int, str] = {}
    for prediction_id, severity in (
        Alert.objects.filter(state="open").exclude(severity="info").values_list("prediction_id", "severity")
    ):
        found[prediction_id] = "critical" if "critical" in (severity, found.get(prediction_id)) else severity
    return found


def health() -> list[dict]:
    """Every active prediction with its worst alert, worst first: {"prediction", "severity", "title", "incident", "scored_at"}."""
    newest = ScoringRun.objects.filter(prediction=OuterRef("pk")).order_by("-as_of").values("checked_at")[:1]
    found = (
        Prediction.objects.filter(state="active")
        .select_related("dataset", "watch")
        .annotate(scored_at=Subquery(newest))[:HEALTH_SHOWN]
    )
    worst: dict[int, Alert] = {}
    for alert in Alert.objects.filter(state="open").order_by("opened_at"):
        known = worst.get(alert.prediction_id)
        if known is None or GRAVITY[alert.severity] < GRAVITY[known.severity]:
            worst[alert.prediction_id] = alert
    rows = [{"prediction": one, "alert": worst.get(one.id), "scored_at": one.scored_at} for one in found]
    return sorted(
        rows, key=lambda row: (GRAVITY[row["alert"].severity] if row["alert"] else 3, row["prediction"].name.lower())
    )
