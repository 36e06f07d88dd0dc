"""Datasets that somebody deleted and nobody brought back."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from apps.datasets.forget import READING
from apps.datasets.models import Dataset, Enrichment, Snapshot
from apps.pipeline.in_use import snapshots_in_use
from apps.pipeline.let_go import files_let_go
from apps.pipeline.retention import Kind, before
from apps.predictions.models import Prediction
from apps.runs.models import LIVE, Run
from apps.workspaces import audit

WORK = [*READING, "forget"]  # the kinds of Runs whose subject is a dataset


def due(days: int) -> QuerySet:
    """None that a prediction, its model and scores, or a dataset made from it still stand on, be they deleted themselves."""
    old = Dataset.objects.filter(state="deleted", deleted_at__lt=before(days))
    if not old.exists():  # as in nearly every workspace, every hour: what is in use need not be looked up
        return old
    predictions = Prediction.objects.filter(dataset=OuterRef("id"))
    at_work = Run.objects.filter(kind__in=WORK, subject_id=OuterRef("id"), state__in=LIVE)
    forgetting = Run.objects.filter(kind="forget", subject_id=OuterRef("enrichment__base_id"), state__in=LIVE)
    in_use = Snapshot.objects.filter(id__in=snapshots_in_use()).values("dataset_id")
    for busy in (predictions, at_work, forgetting):
        old = old.exclude(Exists(busy))
    return old.exclude(id__in=in_use).exclude(id__in=_looked_up()).order_by("id")


def remove(rows: list[Dataset]) -> list[str]:
    """With its records, files, fields, Runs, marks of erased records, and the password of its source."""
    numbers = [row.id for row in rows]
    with files_let_go() as keys:
        Run.objects.filter(kind__in=WORK, subject_id__in=numbers).delete()
        Snapshot.objects.filter(dataset__in=numbers).exclude(base=None).delete()
        Dataset.objects.filter(id__in=numbers).delete()
    for row in rows:
        audit.record(None, "dataset gone for good", row.name)
    return keys


def _looked_up() -> set[int]:
    """Those that other datasets are made from."""
    made = Enrichment.objects.values_list("base_id", "joins")
    return {number for base, joins in made for number in (base, *(join["related"] for join in joins))}


KIND = Kind(
    "deleted_datasets", "Datasets you deleted", "Its records, files and the access to its source: it cannot be brought back.",
    "Those that a prediction, or another dataset, is still made from.", 30, 45, due, remove, batch=1,
)  # fmt: skip
