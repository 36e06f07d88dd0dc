"""A workspace as it is after two years: a watched prediction of 200 fields with a look a day, 300 predictions, and alerts of all that time."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

FIELDS, DAYS, PREDICTIONS, INCIDENTS = 200, 730, 300, 400
SEED = 5


def fill(workspace: object, user: object) -> int:
    """Fill it; the number of the watched prediction."""
    from django.utils import timezone

    from apps.datasets.models import Dataset, Snapshot
    from apps.monitoring.models import Memory, Watch
    from apps.predictions.models import ModelVersion, Prediction
    from apps.workspaces.scope import workspace_scope

    with workspace_scope(workspace.id):
        dataset = Dataset.objects.create(name="Machines", owner=user, noun="machine")
        Snapshot.objects.create(
            dataset=dataset, number=1, storage_key="none", sha256="0" * 64, rows=1000, field_names=[]
        )
        watched = Prediction.objects.create(
            name="Failure within a week",
            dataset=dataset,
            state="active",
            owner=user,
            outcome_kind="binary",
            outcome_field="failed",
        )
        version = ModelVersion.objects.create(prediction=watched, number=1, state="champion", storage_key="none", hash="0", facts=_facts(), enabled_at=timezone.now())  # fmt: skip
        Prediction.objects.filter(id=watched.id).update(champion=version)
        Memory.objects.create(prediction=watched, version=version, storage_key="none", state=b"", legend={name: ["middle", ""] for name in _names()}, learnt_from="scored")  # fmt: skip
        Watch.objects.create(
            prediction=watched, findings={"data_in_range": {"failing": False, "sees": "Fine.", "severity": "warning"}}
        )
        others = Prediction.objects.bulk_create(
            Prediction(workspace_id=workspace.id, name=f"Prediction {number}", dataset=dataset, state="active", owner=user, outcome_kind="binary", outcome_field="failed")
            for number in range(PREDICTIONS)
        )  # fmt: skip
        _look_daily(workspace, watched, version, timezone.now() - timedelta(days=DAYS))
        _alert(workspace, [watched, *others])
    return watched.id


def _names() -> list[str]:
    return [f"sensor_{number:03d}" for number in range(FIELDS)]


def _facts() -> dict:
    drivers = [{"field": name, "share": 1 / FIELDS, "values": []} for name in _names()]
    fields = [{"name": name, "type": "number", "options": {}} for name in _names()]
    return {
        "fields": fields, "scorecard": {"drivers": drivers, "verdict": {"grade": "B", "words": ""}}, "reference": {}, "bands": {"high": 0.6, "medium": 0.3},
        "score_reference": {"bands": {"high": 0.2, "medium": 0.3, "low": 0.5}},
    }  # fmt: skip


def _look_daily(workspace: object, watched: object, version: object, begins: object) -> None:
    from apps.monitoring.models import Look
    from apps.scoring.models import ScoringRun

    random = np.random.default_rng(SEED)
    runs = ScoringRun.objects.bulk_create(
        ScoringRun(
            workspace_id=workspace.id, prediction=watched, version=version, fingerprint=str(day), records=1000, scored=1000, history_key="none",
            bands={"high": 200, "medium": 300, "low": 500}, as_of=begins + timedelta(days=day + 1),
        )
        for day in range(DAYS)
    )  # fmt: skip
    walk = 50 + np.cumsum(random.normal(0, 0.3, (DAYS, FIELDS)), axis=0)
    Look.objects.bulk_create(
        (
            Look(
                workspace_id=workspace.id, prediction=watched, scoring_run=run, number=day + 1, records=1000, at=run.as_of,
                scores={"mean": 0.3, "high": 0.2, "estimated": 0.84, "estimated_usual": 0.85, "metric": "auc"},
                fields={name: [round(float(value), 3), 30.0, 70.0, 0.01, 0.002, 0.3] for name, value in zip(_names(), walk[day], strict=True)},
            )
            for day, run in enumerate(runs)
        ),
        batch_size=50,
    )  # fmt: skip


def _alert(workspace: object, predictions: list) -> None:
    from django.utils import timezone

    from apps.monitoring.models import Alert, Incident, IncidentEvent

    now = timezone.now()
    answers = {
        "what": "A field left its usual range.",
        "since": "today",
        "why": "A unit.",
        "affects": "Scores.",
        "todo": [["First,", "look."]],
        "fields": [],
    }
    for number in range(INCIDENTS):
        live = number < 20
        one = Incident.objects.create(cause=f"prediction:{predictions[number % len(predictions)].id}" if live else f"old:{number}", severity="warning",
                                      title=f"Something about {number}", state="open" if live else "resolved", resolved_at=None if live else now - timedelta(days=number), told_at=now)  # fmt: skip
        Alert.objects.create(prediction=predictions[number % len(predictions)], incident=one, check_kind="data_in_range", severity="warning", title=one.title, answers=answers,
                             state="open" if live else "resolved", resolved_at=one.resolved_at)  # fmt: skip
        IncidentEvent.objects.create(incident=one, kind="failed", words="It failed.")
