"""Datasets made from others: set up by clicks, made anew whenever one they are made from changes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from django.db import transaction
from django.utils import timezone

from apps.datasets import chain
from apps.datasets.arrival import Arrived, Taken
from apps.datasets.intake import take_in
from apps.datasets.joins import Join, Side, write_enriched
from apps.datasets.lane import lane_of
from apps.datasets.models import Dataset, Enrichment, Field, Snapshot
from apps.datasets.records import newest_snapshot, specs_of
from apps.runs.lease import Work, WorkFailed
from apps.runs.models import Run
from apps.runs.queue import enqueue
from apps.workspaces import audit
from apps.workspaces.models import User, Workspace
from apps.workspaces.scope import workspace_scope
from einstein.ml.reader.rows import ReadReport
from einstein.postgres import moment

MOST_JOINS = 6
RETRY_MINUTES = [5, 30, 120]  # as a source


def make_enriched(base: Dataset, joins: list[Join], reference_field: str, user: User) -> Enrichment:
    """A new dataset of `base`'s records with what `joins` tell, being made by a worker."""
    name = f"{base.name} with {' and '.join(join.label for join in joins)}"[:120]
    with transaction.atomic():
        dataset = Dataset.objects.create(
            name=name, noun=base.noun, key_field=base.key_field, duplicates=base.duplicates, owner=user
        )
        # What was decided about the fields of the base holds here too.
        Field.objects.bulk_create(
            Field(dataset=dataset, name=item.name, position=item.position, detected_type=item.detected_type, chosen_type=item.chosen_type)
            for item in Field.objects.filter(dataset=base)
        )  # fmt: skip
        made = Enrichment.objects.create(dataset=dataset, base=base, created_by=user)
        set_joins(made, joins, reference_field, user)
    return made


def set_joins(made: Enrichment, joins: list[Join], reference_field: str, user: User) -> Run:
    """Decide what related records tell, and make the dataset anew."""
    made.joins = [join.to_json() for join in _told_apart(made.base, joins[:MOST_JOINS])]
    made.reference_field = reference_field
    made.save(update_fields=["joins", "reference_field"])
    audit.record(user, "related records joined", made.dataset.name, related=[join.label for join in joins])
    return remake(made.dataset_id, user)


def remake(dataset_id: int, user: User | None = None) -> Run:
    """Queue the making of a dataset. One that is being made looks at its end whether something came meanwhile."""
    return enqueue("enrich", dataset_id, queue=lane_of(dataset_id), unique_key=f"enrich:{dataset_id}", by=user)


def remake_followers(dataset_id: int) -> None:
    """Queue the making of every dataset that is made from this one. Called inside a scope, when it has a new snapshot."""
    for made in Enrichment.objects.exclude(dataset__state__in=["deleted", "archived"]).only(
        "dataset_id", "base_id", "joins"
    ):
        if made.base_id == dataset_id or any(join["related"] == dataset_id for join in made.joins):
            remake(made.dataset_id)


def enrich(work: Work, needed: Iterable[str] = ()) -> Taken:
    """Make a dataset from those it is made from, and take it in. Safe to run twice: a second time finds nothing changed."""
    with workspace_scope(work.workspace_id):
        made = Enrichment.objects.select_related("dataset", "base").get(dataset_id=work.subject_id)
        joins = [Join.from_json(facts) for facts in made.joins]
        snapshots = [_snapshot(made.base), *(_snapshot(_related(join)) for join in joins)]
        base, *sides = [_side(snapshot) for snapshot in snapshots]
        related = list(zip(joins, sides, strict=True))
        _refuse_lost_fields(made, base, related)
        zone = Workspace.objects.get(id=work.workspace_id).zone
    # The day to look back from is the day the newest of them was read, so that making it again gives the same.
    newest = max(snapshot.created_at for snapshot in snapshots)
    now = timezone.localtime(newest, zone).replace(tzinfo=None)
    work.stage("Look up related records", ", ".join(join.label for join in joins))

    def tell(done: int, total: int) -> None:
        work.progress(done=done, total=total, unit="records read")

    with tempfile.TemporaryDirectory(prefix="einstein-enrich-") as folder:
        target = Path(folder) / "table.parquet"
        names = write_enriched(base, related, made.reference_field, now, target, tell)
        report = ReadReport(names, rows=base.rows)
        taken = take_in(work, made.dataset_id, Arrived(target, report, _origin(made, joins)), needed)
    with work.fenced():
        _follow_up(work, made, snapshots)
    return taken


def plan_retry(workspace_id: int, run: Run) -> None:
    """After a failed making: again soon, three times; then the next newer records set it off."""
    tries = int(run.params.get("tries", 0))
    if tries < len(RETRY_MINUTES):
        due = moment.now() + timedelta(minutes=RETRY_MINUTES[tries])
        with workspace_scope(workspace_id):
            enqueue(
                "enrich", run.subject_id, queue=run.queue, unique_key=f"enrich:{run.subject_id}", due_at=due, params={"tries": tries + 1}
            )  # fmt: skip


def joined_fields(dataset_id: int) -> set[str]:
    """Fields of a dataset that made datasets stand on: links, dates, amounts of a related one; keys and reference dates of a base."""
    used: set[str] = set()
    for made in Enrichment.objects.exclude(dataset__state__in=["deleted", "archived"]):
        joins = [Join.from_json(facts) for facts in made.joins]
        used |= {name for join in joins if join.related == dataset_id for name in join.fields}
        if made.base_id == dataset_id:
            used |= {made.reference_field, *(join.key for join in joins)}
    return used - {""}


def _follow_up(work: Work, made: Enrichment, used: list[Snapshot]) -> None:
    """Make it anew when a part has moved on, or the joins were changed, while it was being made."""
    now = Enrichment.objects.get(id=made.id)
    newest = [newest_snapshot(snapshot.dataset) for snapshot in used]
    moved = [snapshot.id for snapshot in used] != [snapshot.id if snapshot else None for snapshot in newest]
    if moved or (now.joins, now.reference_field) != (made.joins, made.reference_field):
        lane, key = lane_of(made.dataset_id), f"enrich:{made.dataset_id}:after:{work.run_id}"
        enqueue("enrich", made.dataset_id, queue=lane, unique_key=key)


def _snapshot(dataset: Dataset) -> Snapshot:
    snapshot = newest_snapshot(dataset)
    if snapshot is None or dataset.state == "deleted":
        raise WorkFailed(f"{dataset.name} {'was deleted' if snapshot else 'holds no records yet'}.")
    return snapshot


def _side(snapshot: Snapshot) -> Side:
    @contextmanager
    def batches(names: list[str]) -> Iterator[Iterator[pa.RecordBatch]]:
        with ExitStack() as open_files:
            with workspace_scope(snapshot.workspace_id):  # only to find the files, not while they are read
                found = open_files.enter_context(chain.batches(snapshot, names))
            yield found

    dataset = snapshot.dataset
    repeats = dataset.key_field in snapshot.field_names and snapshot.keyed_by != dataset.key_field
    key = dataset.key_field if repeats else ""
    return Side(snapshot.field_names, specs_of(dataset), snapshot.rows, batches, key, dataset.duplicates)


def _related(join: Join) -> Dataset:
    found = Dataset.objects.filter(id=join.related).first()
    if found is None:
        raise WorkFailed(f"{join.label} was deleted. Take it out of what is joined.")
    return found


def _refuse_lost_fields(made: Enrichment, base: Side, related: list[tuple[Join, Side]]) -> None:
    sides = [(made.base.name, base, [made.reference_field, *(join.key for join, _ in related)])]
    sides += [(join.label, side, join.fields) for join, side in related]
    for name, side, fields in sides:
        lost = [each for each in fields if each and each not in side.names]
        if lost:
            raise WorkFailed(f"{name} has no field {lost[0]} any more. Choose anew what is joined.")


def _told_apart(base: Dataset, joins: list[Join]) -> list[Join]:
    """Joins whose new fields repeat no name, neither one another's nor the base's."""
    taken = set(Field.objects.filter(dataset=base).values_list("name", flat=True))
    found = []
    for join in joins:
        label, number = join.label, 2
        while taken & {told.name for told in join.columns()}:
            join = Join.from_json(join.to_json() | {"label": f"{label} {number}"})
            number += 1
        taken |= {told.name for told in join.columns()}
        found.append(join)
    return found


def _origin(made: Enrichment, joins: list[Join]) -> str:
    return f"{made.base.name} with {', '.join(join.label for join in joins)}"
