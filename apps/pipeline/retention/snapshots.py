"""Snapshots that newer ones took the place of.

A difference cannot be read without the whole snapshot it rests on, so a chain goes once a newer whole one has stood for so long.
"""

from __future__ import annotations

from django.db.models import Exists, F, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from apps.datasets.models import Snapshot
from apps.pipeline.in_use import snapshots_in_use
from apps.pipeline.retention import Kind, before

LAST = 3  # snapshots of a dataset that stay in any case


def due(days: int) -> QuerySet:
    """The newest of a dataset first, so that no difference ever outlives what it rests on."""
    of_dataset = Snapshot.objects.filter(dataset_id=OuterRef("dataset_id"))
    top = of_dataset.order_by().values("dataset_id").annotate(top=Max("number")).values("top")
    followed = Snapshot.objects.filter(
        dataset_id=OuterRef("dataset_id"), base=None, number__gt=OuterRef("number"), created_at__lt=before(days),
        number__lte=OuterRef("top") - (LAST - 1),
    )  # fmt: skip
    found = Snapshot.objects.annotate(top=Subquery(top), whole=Coalesce(F("base_id"), F("id")))
    return found.filter(Exists(followed)).exclude(whole__in=snapshots_in_use()).order_by("dataset_id", "-number")


def remove(rows: list[Snapshot]) -> list[str]:
    Snapshot.objects.filter(id__in=[row.id for row in rows if row.base_id is not None]).delete()
    Snapshot.objects.filter(id__in=[row.id for row in rows if row.base_id is None]).delete()
    return [row.storage_key for row in rows]


KIND = Kind(
    "snapshots", "Earlier snapshots of a dataset", "Snapshots that newer ones took the place of.",
    f"The last {LAST}, what they rest on, and what a model in use or scores on show were made of.", 90, 40, due, remove, least=7,
)  # fmt: skip
