"""Records that other programs send: kept as they come, laid over the dataset by key a moment later, many batches at once."""

from __future__ import annotations

import hashlib
import json
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from apps.datasets import chain
from apps.datasets.arrival import Arrived, Taken
from apps.datasets.intake import take_in
from apps.datasets.models import Dataset, PushedBatch, Snapshot
from apps.datasets.records import newest_snapshot
from apps.datasets.room import refuse_batch
from apps.runs.lease import Work, WorkFailed
from apps.workspaces.scope import workspace_scope
from einstein import storage
from einstein.ml.errors import DataProblem
from einstein.ml.reader import ReadReport
from einstein.ml.reader.structured import flatten
from einstein.postgres import moment

MOST_RECORDS, MOST_FIELDS, MOST_NAME = 5000, 1000, 220
TAKEN_AT_ONCE = 200_000  # records
GATHER = timedelta(seconds=3)  # batches that come close together become one snapshot
AGAIN = timedelta(minutes=5)


class BatchRefused(Exception):
    """Why a batch is not even kept: a sentence by place, such as {"records[3].id": "..."}."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


class KeyUsedBefore(Exception):
    """The idempotency key came before with other records."""


@dataclass
class _Records:
    """Records by key, the last word on each field counting; `names` are the fields that any of them has, `count` the records as sent."""

    by_key: dict[str, dict[str, str | None]]
    names: list[str]
    count: int


def receive_batch(dataset: Dataset, records: list[dict[str, Any]], idempotency_key: str, sender: str) -> PushedBatch:
    """Keep one batch; the same `idempotency_key` with the same records returns the first."""
    flat = _checked(dataset, records)
    body = "\n".join(json.dumps(record, ensure_ascii=False, sort_keys=True) for record in flat).encode()
    digest = hashlib.sha256(body).hexdigest()
    known = (
        PushedBatch.objects.filter(dataset=dataset, idempotency_key=idempotency_key).first()
        if idempotency_key
        else None
    )
    if known is not None:
        if known.sha256 != digest:
            raise KeyUsedBefore
        return known
    refuse_batch(dataset, len(body))
    key = storage.key_for(dataset.workspace_id, "datasets", dataset.id, "pushed", f"{secrets.token_hex(10)}.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "batch.jsonl"
        path.write_bytes(body)
        storage.put(path, key)
    values = {
        "sha256": digest,
        "records": len(flat),
        "storage_key": key,
        "received_from": sender[:120],
        "due_at": moment.now() + GATHER,
    }
    batch, _ = PushedBatch.objects.get_or_create(
        dataset=dataset, idempotency_key=idempotency_key or secrets.token_hex(16), defaults=values
    )
    if batch.sha256 != digest:  # two came at the same moment
        raise KeyUsedBefore
    return batch


def _checked(dataset: Dataset, records: list[dict[str, Any]]) -> list[dict[str, str | None]]:
    """The records with nested objects as dotted names and every value as text."""
    errors: dict[str, str] = {}
    flat = []
    for place, record in enumerate(records):
        values = flatten(record)
        if not values.get(dataset.key_field):
            errors[f"records[{place}].{dataset.key_field}"] = (
                f"{dataset.key_field} names each record, so it may not be blank."
            )
        if len(values) > MOST_FIELDS:
            errors[f"records[{place}]"] = (
                f"A record may have at most {MOST_FIELDS:,} fields; this one has {len(values):,}."
            )
        alike = Counter(name.lower() for name in values)
        for name, value in values.items():
            if alike[name.lower()] > 1:
                errors[f"records[{place}].{name[:40]}"] = (
                    "Another field of the record differs in small and capital letters only."
                )
            if not name.strip() or len(name) > MOST_NAME or "\0" in name:
                errors[f"records[{place}].{name[:40]}"] = f"A field’s name has 1 to {MOST_NAME} characters."
            if value and "\0" in value:
                errors[f"records[{place}].{name[:40]}"] = "The value holds a null character, which no text has."
        flat.append(values)
    if errors:
        raise BatchRefused(dict(list(errors.items())[:50]))
    return flat


def take_pushed(work: Work, needed: Iterable[str] = ()) -> Taken:
    """Lay all waiting batches over the dataset, oldest first. Safe to run twice: records that are as they were change nothing."""
    with workspace_scope(work.workspace_id):
        dataset = Dataset.objects.get(id=work.subject_id)
        batches = _waiting(dataset)
        before = newest_snapshot(dataset)
        if not batches:
            return Taken("unchanged")
        found = _gathered(dataset, batches, before.field_names if before else [])
        if found is not None:
            _fill_in(dataset, before, found)
    if found is None:
        words = f"The key field of {dataset.name} was changed after these records were sent. Send them again."
        _settle(work, batches, "refused", words)
        raise WorkFailed(words)
    work.stage(f"Take in {found.count:,} records", f"{len(batches):,} batches")
    try:
        with tempfile.TemporaryDirectory(prefix="einstein-push-") as folder:
            path = _as_parquet(found, Path(folder) / "table.parquet")
            origin = f"{found.count:,} records sent by REST"
            arrived = Arrived(path, ReadReport(found.names, len(found.by_key)), origin, changes_only=before is not None)
            taken = take_in(work, dataset.id, arrived, needed)
    except (WorkFailed, DataProblem) as problem:
        _settle(work, batches, "refused", str(problem))
        raise
    _settle(work, batches, "held" if taken.result == "held" else "taken", " ".join(taken.said), taken.number)
    if taken.left_out:  # they hold what was erased
        with workspace_scope(work.workspace_id):
            PushedBatch.objects.filter(id__in=[batch.id for batch in batches]).update(storage_key="")
        for batch in batches:
            storage.delete(batch.storage_key)
    return taken


def try_again_later(workspace_id: int, dataset_id: int) -> None:
    """After a fault of ours, batches wait and are tried again."""
    with workspace_scope(workspace_id):
        PushedBatch.objects.filter(dataset_id=dataset_id, state="waiting").update(due_at=moment.now() + AGAIN)


def _waiting(dataset: Dataset) -> list[PushedBatch]:
    chosen, count = [], 0
    for batch in PushedBatch.objects.filter(dataset=dataset, state="waiting").order_by("id"):
        if chosen and count + batch.records > TAKEN_AT_ONCE:
            break
        chosen.append(batch)
        count += batch.records
    return chosen


def _gathered(dataset: Dataset, batches: list[PushedBatch], known: list[str]) -> _Records | None:
    """All records by key; None when some have no key, because another field is the key now.

    Names that differ in small and capital letters only are one field: the one that is `known`, or that came first.
    """
    by_key: dict[str, dict[str, str | None]] = {}
    spelled = {name.lower(): name for name in [*reversed(known), dataset.key_field]}
    names: dict[str, None] = {dataset.key_field: None}
    for batch in batches:
        with storage.local_copy(batch.storage_key) as path:
            for line in path.read_text(encoding="utf-8").split("\n"):
                record = {spelled.setdefault(name.lower(), name): value for name, value in json.loads(line).items()}
                if not record.get(dataset.key_field):
                    return None
                names |= dict.fromkeys(record)
                by_key.setdefault(record[dataset.key_field], {}).update(record)
    return _Records(by_key, list(names), sum(batch.records for batch in batches))


def _fill_in(dataset: Dataset, before: Snapshot | None, found: _Records) -> None:
    """A field that a record does not name stays as it was; null clears it."""
    if before is None:
        return
    found.names = [*before.field_names, *(name for name in found.names if name not in before.field_names)]
    partial = [key for key, record in found.by_key.items() if len(record) < len(found.names)]
    if not partial or before.keyed_by != dataset.key_field:
        return
    for earlier in chain.records_with(before, pa.array(partial, pa.string())).to_pylist():
        found.by_key[earlier[dataset.key_field]] = earlier | found.by_key[earlier[dataset.key_field]]


def _as_parquet(found: _Records, path: Path) -> Path:
    rows = list(found.by_key.values())
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in found.names}
    pq.write_table(pa.table(columns), path, compression="zstd")
    return path


def _settle(work: Work, batches: list[PushedBatch], state: str, words: str, number: int | None = None) -> None:
    with work.fenced():
        PushedBatch.objects.filter(id__in=[batch.id for batch in batches]).update(
            state=state, words=words[:500], snapshot_number=number, taken_at=moment.now()
        )
