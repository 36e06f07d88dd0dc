"""Records on their way from a source into Parquet of strings: written in batches within the limits, those known already passed over."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.datasets.connectors.base import MOST_BYTES, MOST_ROWS, Since, Tell
from einstein.ml.errors import DataProblem
from einstein.ml.reader.rows import ReadReport

READ_SECONDS = 3600
MOST_MARKS = 1000
BATCH = 100_000  # values encoded in one go


class Boundary:
    """The records at the last moment of a reading. The next reading begins there again and passes over those that are as they were."""

    def __init__(self, since: Since, newest: str | None) -> None:
        self.since, self.newest = since, newest
        self.marks: dict[str, str] | None = {}

    def pass_on(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch without records known from the last time; notes those that the next time must know."""
        cursor = batch.column(self.since.cursor_field) if self.since.cursor_field in batch.schema.names else None
        if cursor is None or self.since.key_field not in batch.schema.names:
            self.marks = None
            return batch
        if self.newest is not None and self.marks is not None:
            self._note(batch.filter(pc.fill_null(pc.equal(cursor, self.newest), False)))
        if not self.since.known:
            return batch
        again = pc.fill_null(pc.equal(cursor, self.since.cursor), False)
        if not pc.any(again).as_py():
            return batch
        known = self.since.known
        keep = [not there or known.get(row.get(self.since.key_field) or "") != fingerprint(row)
                for there, row in zip(again.to_pylist(), batch.to_pylist(), strict=True)]  # fmt: skip
        return batch.filter(pa.array(keep))

    def _note(self, rows: pa.RecordBatch) -> None:
        if self.marks is None or len(self.marks) + rows.num_rows > MOST_MARKS:
            self.marks = None
            return
        self.marks |= {str(row[self.since.key_field]): fingerprint(row) for row in rows.to_pylist()}

    def position(self) -> dict[str, Any]:
        return {"cursor": self.newest, "known": self.marks} if self.newest is not None else {}


def fingerprint(row: dict[str, str | None]) -> str:
    """A short name of a record's content."""
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:32]


def write_batches(
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
    target: Path,
    notes: list[str],
    tell: Tell,
    boundary: Boundary | None = None,
) -> ReadReport:
    """Write batches of strings, blanks as nulls, to Parquet within the limits on rows, bytes and time."""
    report = ReadReport(list(schema.names), notes=notes)
    size, deadline = 0, time.monotonic() + READ_SECONDS
    with ThreadPoolExecutor(1) as ahead:
        batch = next(batches, None)
        with pq.ParquetWriter(
            target,
            schema,
            compression="zstd",
            compression_level=1,
            write_statistics=False,
            use_dictionary=_few_values(batch),
            write_batch_size=BATCH,
        ) as writer:
            while batch is not None:
                coming = ahead.submit(next, batches, None)  # the next batch is on its way while this one is written
                batch = boundary.pass_on(batch) if boundary else batch
                if batch.num_rows:
                    writer.write_batch(batch)
                report.rows += batch.num_rows
                size += batch.nbytes
                tell(report.rows, None)
                if report.rows > MOST_ROWS or size > MOST_BYTES:
                    raise DataProblem(
                        f"The table has more than {MOST_ROWS:,} records or 20 GB, which is the limit. Pick fewer by a query."
                    )
                if time.monotonic() > deadline:
                    raise DataProblem("The source was not done within an hour. Pick fewer records by a query.")
                batch = coming.result()
    return report


def _few_values(batch: pa.RecordBatch | None) -> list[str]:
    """Fields whose values repeat often: a dictionary of the others costs more time than it saves room."""
    if batch is None:
        return []
    some = batch.slice(0, 2000)
    return [name for name in batch.schema.names if pc.count_distinct(some.column(name)).as_py() < some.num_rows / 5]


def blank_is_null(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with null where there is a blank: the two mean the same to us."""
    columns = [_blank_is_null(column) for column in batch.columns]
    return pa.record_batch(columns, batch.schema)


def _blank_is_null(column: pa.Array) -> pa.Array:
    if pc.min(pc.binary_length(column)).as_py() != 0:
        return column
    blank = pc.equal(column, "")
    return pc.if_else(blank, None, column)


def as_text(value: Any) -> str | None:
    """A database's value as a person would write it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, date | clock):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)
