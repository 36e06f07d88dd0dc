"""Opening a snapshot: a whole file, or a whole file with the differences that followed it, laid over one another.

A difference is a Parquet file of the records that are new or changed, with one more column, `GONE`, that is true for records
which only say that their key is gone. Of several differences the last word on a key counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.db.models import Q

from apps.datasets.models import Snapshot
from einstein import storage
from einstein.ml.reader.table import as_frame

GONE = "einstein: gone"
BATCH = 131_072
MOST_PARTS = 12  # of a file that a sample is taken from


def whole_and_differences(snapshot: Snapshot) -> tuple[Snapshot, list[Snapshot]]:
    """The whole snapshot that this one rests on, and the differences up to it, oldest first."""
    if snapshot.base_id is None:
        return snapshot, []
    if not hasattr(snapshot, "_chain"):  # none of it ever changes
        found = Snapshot.objects.filter(
            Q(id=snapshot.base_id) | Q(base_id=snapshot.base_id), number__lte=snapshot.number
        )
        whole, *following = found.order_by("number")
        snapshot._chain = whole, following
    return snapshot._chain


@contextmanager
def batches(snapshot: Snapshot, columns: list[str] | None = None) -> Iterator[Iterator[pa.RecordBatch]]:
    """The records of a snapshot in batches of string columns, however large it is; the same order each time."""
    names = [name for name in (columns or snapshot.field_names) if name in snapshot.field_names]
    whole, differences = whole_and_differences(snapshot)
    with ExitStack() as open_files:
        path = open_files.enter_context(storage.local_copy(whole.storage_key))
        if not differences:
            yield pq.ParquetFile(path).iter_batches(BATCH, columns=names)
            return
        key = key_name(snapshot)
        parts = [
            pq.ParquetFile(open_files.enter_context(storage.local_copy(part.storage_key))).read(
                columns=list(dict.fromkeys([*names, key, GONE]))
            )
            for part in differences
        ]
        yield _laid_over(pq.ParquetFile(path), pa.concat_tables(parts), names, key)


def table_of(snapshot: Snapshot, columns: list[str] | None = None) -> pa.Table:
    """The records of a snapshot in memory, as string columns."""
    names = [name for name in (columns or snapshot.field_names) if name in snapshot.field_names]
    schema = pa.schema([(name, pa.string()) for name in names])
    with batches(snapshot, columns) as found:
        return pa.Table.from_batches((batch.cast(schema) for batch in found), schema=schema)


def frame_of(snapshot: Snapshot, columns: list[str] | None = None) -> pd.DataFrame:
    """The same as a DataFrame of Python strings and None."""
    return as_frame(table_of(snapshot, columns))


def records_with(snapshot: Snapshot, keys: pa.Array, most_parts: int | None = None) -> pa.Table:
    """The records of some keys; only those parts of the files are read that hold one, `most_parts` of the whole at most."""
    names, key = snapshot.field_names, key_name(snapshot)
    schema = pa.schema([(name, pa.string()) for name in names])
    whole, differences = whole_and_differences(snapshot)
    with ExitStack() as open_files:
        file = pq.ParquetFile(open_files.enter_context(storage.local_copy(whole.storage_key)))
        found = []
        for group in range(file.num_row_groups):
            wanted = pc.is_in(file.read_row_group(group, columns=[key]).column(0), value_set=keys)
            if pc.any(wanted).as_py() and (most_parts is None or len(found) < most_parts):
                found.append(file.read_row_group(group).select(names).filter(wanted))
        table = pa.concat_tables([part.cast(schema) for part in found]) if found else schema.empty_table()
        if not differences:
            return table
        changes = pa.concat_tables(
            [pq.read_table(open_files.enter_context(storage.local_copy(part.storage_key))) for part in differences]
        )
        latest = _last_word(changes.filter(pc.is_in(changes.column(key), value_set=keys)), key)
        untouched = table.filter(pc.invert(pc.is_in(table.column(key), value_set=latest.column(key).combine_chunks())))
        return pa.concat_tables([untouched, latest.filter(pc.invert(latest.column(GONE))).select(names).cast(schema)])


def record_in_differences(snapshot: Snapshot, key: str) -> dict[str, str | None] | None:
    """One record from the newest difference that speaks of its key: {} when it is gone, None when no difference does."""
    _, differences = whole_and_differences(snapshot)
    for part in reversed(differences):
        with storage.local_copy(part.storage_key) as path:
            rows = pq.read_table(path, filters=[(key_name(snapshot), "=", key)]).to_pylist()
        if rows:
            gone = rows[-1].pop(GONE)
            return {} if gone else rows[-1]
    return None


def key_name(snapshot: Snapshot) -> str:
    """The field that names the records of a chain, whatever key the dataset has by now."""
    return snapshot.keyed_by


def _laid_over(whole: pq.ParquetFile, changes: pa.Table, names: list[str], key: str) -> Iterator[pa.RecordBatch]:
    latest = _last_word(changes, key)
    spoken = latest.column(key).combine_chunks()
    for batch in whole.iter_batches(BATCH, columns=list(dict.fromkeys([*names, key]))):
        untouched = pc.invert(pc.is_in(batch.column(key), value_set=spoken))
        yield batch.filter(untouched).select(names)
    yield from latest.filter(pc.invert(latest.column(GONE))).select(names).to_batches(BATCH)


def _last_word(changes: pa.Table, key: str) -> pa.Table:
    """The last record of each key."""
    return changes.filter(pa.array(~pd.Index(changes.column(key).to_pandas()).duplicated(keep="last")))


def write_laid_over(before: Snapshot, path: Path, names: list[str], target: Path) -> int:
    """Write a whole Parquet file of the snapshot before with new and changed records laid over; returns its records.

    `path` holds a difference, or records as they came, none of which is gone. Fields that a side lacks are blank.
    """
    key = key_name(before)
    schema = pa.schema([(name, pa.string()) for name in names])
    latest = _last_word(pq.read_table(path), key)
    spoken = latest.column(key).combine_chunks()
    staying = (
        latest.filter(pc.invert(latest.column(GONE)))
        if GONE in latest.column_names
        else latest.filter(latest.column(key).is_valid())
    )
    rows = 0
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1) as writer, batches(before) as found:
        for batch in found:
            kept = _widened(batch.filter(pc.invert(pc.is_in(batch.column(key), value_set=spoken))), schema)
            writer.write_batch(kept)
            rows += kept.num_rows
        for batch in staying.to_batches(BATCH):
            writer.write_batch(_widened(batch, schema))
            rows += batch.num_rows
    return rows


def _widened(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    known = set(batch.schema.names)
    empty = pa.nulls(batch.num_rows, pa.string())
    return pa.record_batch(
        [batch.column(name).cast(pa.string()) if name in known else empty for name in schema.names], schema
    )


def sample_of_file(path: Path, most: int) -> pa.Table:
    """At most `most` records spread over a Parquet file of strings; of a large file, over some of its parts."""
    file = pq.ParquetFile(path)
    parts = MOST_PARTS if file.metadata.num_rows > most else file.num_row_groups
    groups = sorted({round(place) for place in np.linspace(0, file.num_row_groups - 1, parts)})
    rows = sum(file.metadata.row_group(group).num_rows for group in groups)
    return (
        _sampled(file.iter_batches(BATCH, row_groups=groups), max(1, -(-rows // most)))
        if rows
        else file.schema_arrow.empty_table()
    )


def sample_of(snapshot: Snapshot, most: int) -> pd.DataFrame:
    """The same of a snapshot, as Python strings and None."""
    with batches(snapshot) as found:
        return as_frame(_sampled(found, max(1, -(-snapshot.rows // most))))


def _sampled(found: Iterator[pa.RecordBatch], step: int) -> pa.Table:
    parts, seen = [], 0
    for batch in found:
        parts.append(batch.take(pa.array(np.arange(-seen % step, batch.num_rows, step), pa.int64())))
        seen += batch.num_rows
    return pa.Table.from_batches(parts) if parts else pa.table({})
