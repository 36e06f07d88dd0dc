"""Reads that dataset pages need, in a constant number of queries."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery

from apps.datasets.models import Dataset, Enrichment, HeldTable, PushedBatch, Snapshot
from apps.datasets.records import key_problems, load
from apps.runs.models import Run
from einstein.postgres import moment

ROWS_SHOWN, COLUMNS_SHOWN, DELETED_SHOWN, SHOWN_BATCHES = 20, 40, 50, 20


def dataset_list() -> QuerySet[Dataset]:
    """Datasets but deleted ones, with the facts of their newest snapshot, newest first."""
    newest = Snapshot.objects.filter(dataset=OuterRef("pk")).order_by("-number")
    return (
        Dataset.objects.exclude(state="deleted").annotate(
            rows=Subquery(newest.values("rows")[:1]), read_at=Subquery(newest.values("created_at")[:1]),
            field_count=Count("fields"),
        ).order_by("state", "-updated_at")
    )  # fmt: skip


def deleted_datasets() -> QuerySet[Dataset]:
    """What can still be brought back."""
    return Dataset.objects.filter(state="deleted").order_by("name", "id")[:DELETED_SHOWN]


def source_page(dataset: Dataset) -> dict[str, Any]:
    """The newest readings of a dataset's source, and the table that waits for a decision."""
    runs = Run.objects.filter(kind__in=["refresh", "accept", "enrich"], subject_id=dataset.id).order_by(
        "-created_at", "-id"
    )[:20]
    return {"readings": list(runs), "held": open_held(dataset)}


def enrichment_of(dataset: Dataset) -> Enrichment | None:
    """What the dataset is made of, when it is made of others."""
    return Enrichment.objects.select_related("base").filter(dataset=dataset).first()


def open_held(dataset: Dataset) -> HeldTable | None:
    return HeldTable.objects.filter(dataset=dataset, state="open").first()


def reading_run(dataset: Dataset) -> Run | None:
    """The newest work that reads records into a dataset, of whatever kind; a retry that is still to come does not count."""
    found = Run.objects.filter(kind__in=["ingest", "refresh", "accept", "enrich"], subject_id=dataset.id)
    return found.exclude(state="queued", due_at__gt=moment.now()).order_by("-created_at", "-id").first()


def first_rows(snapshot: Snapshot | None) -> dict[str, Any]:
    """Header and the first rows as written."""
    if snapshot is None:
        return {"header": [], "rows": []}
    header = snapshot.field_names[:COLUMNS_SHOWN]
    table = load(snapshot, header).head(ROWS_SHOWN)
    return {"header": header, "rows": table.values.tolist(), "more": max(0, len(snapshot.field_names) - COLUMNS_SHOWN)}


def key_facts(dataset: Dataset, snapshot: Snapshot | None) -> dict[str, int]:
    """Blank and repeated keys of the newest snapshot."""
    if snapshot is None or dataset.key_field not in snapshot.field_names:
        return {"blank": 0, "repeated": 0}
    return key_problems(dataset, load(snapshot, [dataset.key_field]))


def pushed_batches(dataset: Dataset) -> list[PushedBatch]:
    """The newest batches that other programs sent."""
    return list(PushedBatch.objects.filter(dataset=dataset).order_by("-id")[:SHOWN_BATCHES])
