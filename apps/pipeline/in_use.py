"""What must not go, however old: scoring runs and snapshots that something in use rests on."""

from __future__ import annotations

from django.db.models import IntegerField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from apps.datasets.models import Snapshot
from apps.deliveries.models import Delivery
from apps.outbox.models import Sending
from apps.predictions.models import ModelVersion
from apps.scoring.models import ScoringRun

WAITING = ["waiting", "held"]
LIVE_VERSIONS = ["training", "candidate", "champion"]


def scoring_runs_in_use() -> set[int]:
    """The newest run of each prediction, what deliveries compare with, and what waits to be sent."""
    newest = ScoringRun.objects.order_by("prediction_id", "-as_of", "-id").distinct("prediction_id")
    compared = Delivery.objects.exclude(compared_with=None)
    found = {*newest.values_list("id", flat=True), *compared.values_list("compared_with_id", flat=True)}
    for name in ("scoring_run", "compared_with"):
        number = Cast(KT(f"facts__{name}"), IntegerField())
        found |= set(Sending.objects.filter(state__in=WAITING).annotate(number=number).values_list("number", flat=True))
    return found - {None}


def snapshots_in_use() -> set[int]:
    """The whole snapshots whose chains models in use learnt from, or scoring runs in use were made of."""
    learnt = ModelVersion.objects.filter(state__in=LIVE_VERSIONS).values_list("snapshot_id", flat=True)
    scored = ScoringRun.objects.filter(id__in=scoring_runs_in_use()).values_list("snapshot_id", flat=True)
    whole = Coalesce("base_id", "id")
    return set(Snapshot.objects.filter(id__in={*learnt, *scored} - {None}).values_list(whole, flat=True))
