"""JSON, JSON lines and Parquet."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from einstein.ml.errors import DataProblem
from einstein.ml.reader.json_document import records_of_document
from einstein.ml.reader.packed import lines_of, open_bytes
from einstein.ml.reader.rows import Reject, Row, Rows, require

BROKEN = (pa.ArrowException, OSError, ValueError, OverflowError)  # what damaged bytes, letters and dates come out as
BROKEN_PARQUET = "The Parquet file is broken. Export it again."
HEADER_SAMPLE = 2000  # records read to learn the fields; later fields not among them are reported


def open_json(path: Path) -> Rows:
    """JSON lines, or one JSON array (or object holding one) of records; nested objects become dotted names."""
    with _text(path) as file:
        first = file.read(1 << 16)
    require(first.strip(), "The file is empty.")
    records = _records_of_lines(path) if _looks_like_lines(first) else _records_of_document(path)
    sample = list(itertools.islice(records, HEADER_SAMPLE))
    require(sample, "The file holds no records.")
    header = list(dict.fromkeys(name for _, record in sample if not isinstance(record, Reject) for name in record))
    if not header and isinstance(sample[0][1], Reject):
        raise DataProblem(
            f"{sample[0][1].reason[0].upper()}{sample[0][1].reason[1:]}. Correct line {sample[0][0]:,} and send the file again."
        )
    require(header, "The records have no fields.")
    rows = (
        (line, record if isinstance(record, Reject) else [record.get(name) for name in header])
        for line, record in itertools.chain(sample, records)
    )
    return Rows(header, rows, [])


def _text(path: Path) -> IO[str]:
    return io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", errors="replace")


def _looks_like_lines(first: str) -> bool:
    line = first.lstrip().split("\n", 1)[0].strip()
    if not line.startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict) and "\n" in first.strip()
    except ValueError:
        return False


def _records_of_lines(path: Path) -> Iterator[tuple[int, dict[str, str | None] | Reject]]:
    with _text(path) as file:
        for number, line in enumerate(lines_of(file), start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                place = f" at column {error.colno:,}" if isinstance(error, json.JSONDecodeError) else ""
                yield number, Reject(number, "whole line", f"the line is not JSON{place}")
                continue
            yield number, _flat(number, record)


def _records_of_document(path: Path) -> Iterator[tuple[int, dict[str, str | None] | Reject]]:
    with _text(path) as file:
        for number, record in enumerate(records_of_document(file), start=1):
            yield number, _flat(number, record)


def _flat(number: int, record: Any) -> dict[str, str | None] | Reject:
    if not isinstance(record, dict):
        return Reject(number, "whole line", "it is not a record in curly braces")
    try:
        return flatten(record)
    except RecursionError:
        return Reject(number, "whole line", "it is nested too deeply")


def flatten(record: dict[str, Any], prefix: str = "") -> dict[str, str | None]:
    """{"a": {"b": 1}} -> {"a.b": "1"}; lists stay as JSON text."""
    flat: dict[str, str | None] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[whole_characters(f"{prefix}{name}")] = as_text(value)
    return flat


def as_text(value: Any) -> str | None:
    """A JSON value as a user would type it."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return whole_characters(json.dumps(value, ensure_ascii=False))


def whole_characters(text: str) -> str:
    """JSON can spell half a character (a lone surrogate), which no file can hold: it becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def open_parquet(path: Path) -> Rows:
    """Parquet, batch by batch; values become the strings a CSV of the same table would hold."""
    try:
        file = pq.ParquetFile(path)
    except BROKEN as error:
        raise DataProblem(BROKEN_PARQUET) from error
    return Rows(list(file.schema_arrow.names), _parquet_rows(file), [])


def _parquet_rows(file: pq.ParquetFile) -> Iterator[Row]:
    number, batches = 0, file.iter_batches(batch_size=10_000)
    while True:
        try:
            batch = next(batches)
            columns = [[_parquet_text(value) for value in column.to_pylist()] for column in batch.columns]
        except StopIteration:
            return
        except BROKEN as error:
            raise DataProblem(BROKEN_PARQUET) from error
        for values in zip(*columns, strict=True):
            number += 1
            yield number, list(values)


def _parquet_text(value: Any) -> str | None:
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=str, ensure_ascii=False)
    return as_text(value) if value is None or isinstance(value, (str, bool, int, float)) else str(value)
