"""Erasing one record from every copy a dataset has of it, and keeping it out when it comes again."""

from __future__ import annotations

import tempfile
from pathlib import Path

from apps.datasets.chain import batches, sample_of
from apps.datasets.field_looks import look_at, replace_fields
from apps.datasets.intake import EXACT, SAMPLE
from apps.datasets.kept_out import is_key, mark_of, without
from apps.datasets.models import Dataset, Enrichment, ErasedRecord, Field, HeldTable, PushedBatch, Snapshot, Upload
from apps.datasets.records import newest_snapshot
from apps.runs.lease import Work, WorkFailed
from apps.runs.models import LIVE, Run
from apps.runs.queue import enqueue
from apps.workspaces import audit
from apps.workspaces.models import User
from apps.workspaces.scope import workspace_scope
from einstein import storage

READING = ["ingest", "refresh", "accept", "push", "enrich"]


def plan_forgetting(dataset: Dataset, key: str, user: User | None) -> Run:
    """Keep the record out from now on, and queue the removal of what is there. The log names its mark only."""
    mark = mark_of(dataset.id, key)
    ErasedRecord.objects.get_or_create(dataset=dataset, mark=mark)
    audit.record(user, "record erased", dataset.name, mark=mark[:12])
    return enqueue("forget", dataset.id, params={"key": key}, unique_key=f"forget:{dataset.id}:{mark[:32]}", by=user)


def forget_the_key(workspace_id: int, run_id: int) -> None:
    """A Run that failed holds the key no longer than one that succeeded; whoever asks again names it again."""
    with workspace_scope(workspace_id):
        Run.objects.filter(id=run_id).update(params={})


def copies_of(dataset_id: int) -> list[Dataset]:
    """The dataset and those that are made of its records."""
    made = Enrichment.objects.filter(base_id=dataset_id).values_list("dataset_id", flat=True)
    return list(Dataset.objects.filter(id__in=[dataset_id, *made]).order_by("id"))


def forget_records(work: Work, key: str) -> list[Dataset]:
    """Remove a record from all files and facts of a dataset and of those made from it; the datasets. Safe to run twice.

    Raises `WorkFailed` while something that may hold it is still on its way in.
    """
    with workspace_scope(work.workspace_id):
        found = copies_of(work.subject_id)
        for dataset in found:
            _refuse_while_moving(dataset)
    for dataset in found:
        work.stage(f"Erase it from {dataset.name}")
        _from_snapshots(work, dataset, key)
        _from_what_came(work, dataset)
        _from_examples(work, dataset)
    return found


def rewritten(storage_key: str, column: str, key: str) -> bool:
    """Take a record out of a stored file, which stays where it is; whether it was there."""
    with tempfile.TemporaryDirectory(prefix="einstein-forget-") as folder, storage.local_copy(storage_key) as path:
        if not path.exists():
            return False
        target = Path(folder) / "rest.parquet"
        gone = without(path, column, is_key(key), target)
        if gone:
            storage.put(target, storage_key, to_the_last=True)
        return bool(gone)


def _refuse_while_moving(dataset: Dataset) -> None:
    if Run.objects.filter(kind__in=READING, subject_id=dataset.id, state__in=LIVE).exists():
        raise WorkFailed(f"Records are being read into {dataset.name}. Try again when they are in.")
    if HeldTable.objects.filter(dataset=dataset, state="open").exists():
        raise WorkFailed(f"A table waits for a decision at {dataset.name}. Decide on it first.")
    if PushedBatch.objects.filter(dataset=dataset, state="waiting").exists():
        raise WorkFailed(f"Records that were sent wait to be taken into {dataset.name}. Try again in a few minutes.")


def _from_snapshots(work: Work, dataset: Dataset, key: str) -> None:
    with workspace_scope(work.workspace_id):
        snapshots = list(Snapshot.objects.filter(dataset=dataset).order_by("number"))
    touched: set[int] = set()
    for snapshot in snapshots:
        work.check()
        column = snapshot.keyed_by or dataset.key_field
        held = column in snapshot.field_names and rewritten(snapshot.storage_key, column, key)
        # After a worker that died between file and row, the row is set right in any case.
        if held or snapshot.base_id in touched or work.lease > 1:
            touched |= {snapshot.id, *([snapshot.base_id] if snapshot.base_id else [])}
            _set_right(work, snapshot, column)


def _set_right(work: Work, snapshot: Snapshot, column: str) -> None:
    """A snapshot's facts after its file, or one it rests on, has changed."""
    with storage.local_copy(snapshot.storage_key) as path:
        own, size = storage.sha256_of(path), path.stat().st_size
    with work.fenced():
        snapshot = Snapshot.objects.select_related("base").get(id=snapshot.id)
        columns = [column] if column in snapshot.field_names else None
        with batches(snapshot, columns) as found:
            rows = sum(batch.num_rows for batch in found)
        before = Snapshot.objects.filter(dataset_id=snapshot.dataset_id, number=snapshot.number - 1).first()
        rests_on = before.sha256 if snapshot.base_id is not None and before is not None else None
        sha256 = own if rests_on is None else storage.sha256_of_text(f"{rests_on} {own}")
        Snapshot.objects.filter(id=snapshot.id).update(sha256=sha256, rows=rows, bytes=size)


def _from_what_came(work: Work, dataset: Dataset) -> None:
    """Files as they came cannot be rewritten in every format; what was read of them lies in the snapshots."""
    kept = (Upload, HeldTable, PushedBatch)
    with workspace_scope(work.workspace_id):
        keys = [
            key for model in kept for key in model.objects.filter(dataset=dataset).values_list("storage_key", flat=True)
        ]
    for key in filter(None, keys):
        storage.delete(key)
    with work.fenced():  # after the files: whoever takes over from a killed worker must still know them
        for model in kept:
            model.objects.filter(dataset=dataset, storage_key__in=keys).update(storage_key="")


def _from_examples(work: Work, dataset: Dataset) -> None:
    """Fields are shown with examples: they are looked at anew."""
    with workspace_scope(work.workspace_id):
        newest = newest_snapshot(dataset)
        if newest is None:
            return
        chosen = {one.name: one.chosen_type for one in Field.objects.filter(dataset=dataset) if one.chosen_type}
        table = sample_of(newest, EXACT if newest.rows <= EXACT else SAMPLE)
    looks = look_at(work, table, chosen)
    with work.fenced():
        replace_fields(Dataset.objects.select_for_update().get(id=dataset.id), looks, forget=set())
