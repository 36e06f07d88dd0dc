"""From any file to a table of strings: names made usable, ragged rows set aside with their line, the rest kept."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from einstein.ml.errors import DataProblem
from einstein.ml.reader.delimited import dialect_of, open_delimited
from einstein.ml.reader.large import read_large
from einstein.ml.reader.plain import read_plain
from einstein.ml.reader.rows import MOST_REJECTS_LISTED, ReadReport, Reject, magic_of, require
from einstein.ml.reader.structured import open_json, open_parquet
from einstein.ml.reader.workbook import open_workbook

CHUNK_CELLS = 2_000_000
MOST_FIELDS = 10_000
LONGEST_NAME = 200


def read_to_parquet(path: Path, target: Path, filename: str = "", sheet: str | None = None) -> ReadReport:
    """Read any supported file into a Parquet file of string columns.

    Raises `DataProblem` when there is no table in it. Memory holds one chunk of at most 2,000,000 cells.
    """
    kind = _format_of(path, filename or path.name)
    if kind == "delimited":
        dialect = dialect_of(path)
        names, notes = usable_names(dialect.header)
        report = read_plain(path, target, dialect, names) or read_large(path, target, dialect, names)
        if report is not None:
            return _checked(ReadReport(names, report.rows, report.rejected, report.rejects, [*dialect.notes, *notes]))
        source = open_delimited(path, dialect)
    else:
        source = (
            open_workbook(path, sheet)
            if kind == "workbook"
            else open_json(path)
            if kind == "json"
            else open_parquet(path)
        )
        names, notes = usable_names(source.header)
    report = ReadReport(names, notes=[*source.notes, *notes])
    schema = pa.schema([(name, pa.string()) for name in names])
    chunk_rows = max(1, CHUNK_CELLS // len(names))
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        chunk: list[list[str | None]] = []
        for line, values in source.rows:
            kept = _fitted(line, values, names, report)
            if kept is not None:
                chunk.append(kept)
            if len(chunk) >= chunk_rows:
                writer.write_table(_arrow(chunk, schema))
                chunk = []
        writer.write_table(_arrow(chunk, schema))
    return _checked(report)


def _checked(report: ReadReport) -> ReadReport:
    require(report.rows or report.rejected, "The file has a header but no records.")
    if not report.rows:
        raise DataProblem(
            f"None of the {report.rejected:,} lines could be read. Line {report.rejects[0].line:,}: {report.rejects[0].reason}."
        )
    return report


def read_frame(path: Path, filename: str = "", sheet: str | None = None) -> tuple[pd.DataFrame, ReadReport]:
    """Read any supported file into a DataFrame of Arrow strings (blank is null): a fifth of the memory of Python's."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "table.parquet"
        report = read_to_parquet(path, target, filename, sheet)
        return load_columns(target), report


def load_columns(path: Path) -> pd.DataFrame:
    """A Parquet table of strings as a DataFrame of Arrow-backed columns."""
    return as_columns(pq.read_table(path))


def as_columns(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as a DataFrame of Arrow-backed columns, which costs nothing."""
    return pd.DataFrame(
        {name: pd.Series(pd.arrays.ArrowExtensionArray(table.column(name))) for name in table.column_names}
    )


def load_snapshot(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """A Parquet table of strings as a DataFrame of Python strings and None."""
    return as_frame(pq.read_table(path, columns=columns))


def as_frame(table: pa.Table) -> pd.DataFrame:
    """An Arrow table of strings as a DataFrame of Python strings and None."""
    return pd.DataFrame(
        {name: pd.Series(table.column(name).to_pylist(), dtype="object") for name in table.column_names}
    )


def read_row(path: Path, place: int) -> dict[str, str | None]:
    """One row of a Parquet table of strings by its place from 0; only the row group that holds it is read."""
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if place < rows:
            return file.read_row_group(group).slice(place, 1).to_pylist()[0]
        place -= rows
    raise IndexError(place)


def _format_of(path: Path, filename: str) -> str:
    """Choose the format by content first, by name second."""
    magic, name = magic_of(path), filename.lower()
    if magic[:4] == b"PAR1":
        return "parquet"
    if magic[:4] == b"\xd0\xcf\x11\xe0" or (magic[:4] == b"PK\x03\x04" and not name.endswith(".zip")):
        return "workbook"
    if name.endswith((".parquet", ".pq")):
        raise DataProblem("The file is named Parquet but is not one. Export it again.")
    return "json" if name.endswith((".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz")) else "delimited"


def usable_names(header: list[str]) -> tuple[list[str], list[str]]:
    """Names as written, but blank ones named after their place, repeated ones numbered, trailing blanks dropped later."""
    require(len(header) <= MOST_FIELDS, f"The table has {len(header):,} columns; {MOST_FIELDS:,} is the limit.")
    names, notes, seen = [], [], Counter[str]()
    blanks = 0
    for position, raw in enumerate(header, start=1):
        name = " ".join(raw.split())[:LONGEST_NAME] if raw else ""
        if not name:
            blanks += 1
            name = f"Column {position}"
        seen[name.lower()] += 1
        if seen[name.lower()] > 1:
            notes.append(
                f"The name {name} comes {seen[name.lower()]} times; this one is now {name} ({seen[name.lower()]})."
            )
            name = f"{name} ({seen[name.lower()]})"
        names.append(name)
    if blanks:
        notes.append(
            f"{blanks} columns had no name; they are named after their place, such as Column {header.index('') + 1 if '' in header else 1}."
        )
    return names, notes


def _fitted(
    line: int, values: list[str | None] | Reject, names: list[str], report: ReadReport
) -> list[str | None] | None:
    """The row cut to the header's width; None when it is blank or ragged (then it is listed)."""
    if isinstance(values, Reject):
        report.rejected += 1
        if len(report.rejects) < MOST_REJECTS_LISTED:
            report.rejects.append(values)
        return None
    if all(value is None or not value.strip() for value in values):
        return None
    extra = values[len(names) :]
    if len(values) < len(names) or any(value is not None and value.strip() for value in extra):
        report.rejected += 1
        if len(report.rejects) < MOST_REJECTS_LISTED:
            report.rejects.append(Reject(line, "whole line", f"{len(values)} values where {len(names)} are expected"))
        return None
    report.rows += 1
    return values[: len(names)]


def _arrow(chunk: list[list[str | None]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*chunk, strict=True)) if chunk else [()] * len(schema)
    return pa.table([pa.array(column, type=pa.string()) for column in columns], schema=schema)
