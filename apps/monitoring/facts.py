"""What the checks of a prediction may look at, gathered in a constant number of queries."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from apps.datasets.models import HeldTable, Snapshot, Source
from apps.monitoring.checks import Facts
from apps.monitoring.models import Look, Watch
from apps.outbox.models import Sending
from apps.predictions.models import Prediction
from apps.runs.models import Run
from apps.scoring.models import ScoringRun
from einstein.postgres import moment
from einstein.web.clock_words import local_time

LOOKS, RUNS, READINGS = 14, 20, 30
UNDELIVERED_SHOWN, WIDGETS = 5, 50


Feeds = dict[int, dict[str, Any] | None]  # how datasets are fed, by their numbers


def facts_of(prediction: Prediction, watch: Watch, feeds: Feeds | None = None) -> Facts:
    """Everything the checks need; the prediction comes with its workspace, dataset and champion.

    `feeds` keeps what all predictions of a dataset have in common, for as long as that may be taken for what is.
    """
    feeds = {} if feeds is None else feeds
    if prediction.dataset_id not in feeds:
        feeds[prediction.dataset_id] = _source(prediction)
    zone = prediction.workspace.zone
    newest = ScoringRun.objects.filter(prediction=prediction).order_by("-as_of", "-id").first()
    looks = list(Look.objects.filter(prediction=prediction).order_by("-at", "-id")[:LOOKS])
    attempts = list(_runs("score", prediction.id).order_by("-created_at", "-id")[:RUNS])
    seconds = [run.seconds or 0.0 for run in attempts if run.state == "succeeded"]
    seen = looks[0] if looks and newest is not None and looks[0].scoring_run_id == newest.id else None
    return Facts(
        name=prediction.name, noun=prediction.dataset.noun, schedule=prediction.schedule, now=moment.now(),
        grace_seconds=max(float(settings.GRACE_SECONDS), 3 * max(seconds[:5], default=0.0)),
        last_slot_at=prediction.last_slot_at, next_run_at=prediction.next_run_at, scored_at=newest.checked_at if newest else None,
        newest_run={"scored": newest.scored, "records": newest.records, "as_of": newest.as_of} if newest else None,
        last_attempt=_attempt(attempts[0]) if attempts else None, dataset=prediction.dataset.name,
        look=_look(seen) if seen else None, earlier=[_look(look) for look in looks if look is not seen], seconds=seconds,
        source=feeds[prediction.dataset_id], enabled_at=prediction.champion.enabled_at if prediction.champion else None,
        undelivered=_undelivered(prediction), widgets=_widgets(prediction), sensitivity=watch.sensitivity, local=lambda when: local_time(when, zone),
    )  # fmt: skip


def _runs(kind: str, subject_id: int) -> QuerySet[Run]:
    """Without what only a person who watches them wants to know."""
    return Run.objects.filter(kind=kind, subject_id=subject_id).defer("stages", "progress", "params", "outcome")


def _look(look: Look) -> dict[str, Any]:
    return {"records": look.records, "fields": look.fields, "scores": look.scores, "alarms": look.alarms, "at": look.at}


def _attempt(run: Run) -> dict[str, Any]:
    return {"state": run.state, "error": run.error, "at": run.ended_at or run.created_at}


def _source(prediction: Prediction) -> dict[str, Any] | None:
    """How the dataset is fed: faults in a row, and how many readings in a row brought no change."""
    source = Source.objects.filter(dataset_id=prediction.dataset_id, state="active").first()
    if source is None:
        return None
    runs = list(_runs("refresh", prediction.dataset_id).order_by("-id")[:READINGS])
    read = [run for run in runs if run.state == "succeeded"]
    made = list(Snapshot.objects.filter(dataset_id=prediction.dataset_id).order_by("-number").values_list("created_at", flat=True)[:READINGS])  # fmt: skip
    still = sum(
        1 for run in read if made and run.created_at > made[0]
    )  # the reading that made a snapshot began before it
    changes = sum(1 for when in made if read and when >= read[-1].created_at)
    return {
        "held": HeldTable.objects.filter(dataset_id=prediction.dataset_id, state="open").exists(), "failures": source.failures,
        "error": next((run.error for run in runs if run.state == "failed"), ""), "at": source.read_at, "still": still,
        "readings": len(read) - still, "unchanged": max(0, len(read) - still - changes),
    }  # fmt: skip


def _undelivered(prediction: Prediction) -> list[dict[str, Any]]:
    stuck = Sending.objects.filter(subject_id=prediction.id, state__in=["held", "dead"]).order_by("-id")[
        :UNDELIVERED_SHOWN
    ]
    return [{"state": one.state, "error": one.last_error, "at": one.ended_at or one.created_at} for one in stuck]


def _widgets(prediction: Prediction) -> list[dict[str, Any]]:
    found = prediction.widgets.order_by("-refusals", "id").values("name", "refusals", "refusal", "refused_since")
    return [
        {"name": one["name"], "refusals": one["refusals"], "fault": one["refusal"], "since": one["refused_since"]}
        for one in found[:WIDGETS]
    ]
