"""Scores as a file: CSV that no spreadsheet runs as formulas, XLSX whose texts stay texts, or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from einstein.ml.reasons import reason_words

FORMATS = {"csv": "CSV", "xlsx": "Excel", "parquet": "Parquet"}
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}  # fmt: skip
REASONS = 3
COLUMNS = [
    "key",
    "score",
    "predicted",
    "band",
    "reason_1",
    "reason_2",
    "reason_3",
    "seen_in_training",
    "as_of",
    "model_version",
]
MOST_SHEET_ROWS = 1_048_575  # Excel's limit, without the header
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
SCHEMA = pa.schema([(name, {"score": pa.float64(), "seen_in_training": pa.bool_(), "model_version": pa.int64()}.get(name, pa.string())) for name in COLUMNS])  # fmt: skip
BATCH = 10_000


class TooManyRows(Exception):
    """The format cannot hold so many records; the message is a sentence for the user."""


def cells_of(row: dict[str, Any], as_of: str, version: int) -> list[Any]:
    """One score as the cells of COLUMNS. `row` has key, value, predicted, band, reasons (JSON or a list) and seen."""
    reasons = json.loads(row["reasons"]) if isinstance(row["reasons"], str) else row["reasons"]
    words = [reason_words(reason) for reason in reasons[:REASONS]]
    return [
        row["key"],
        row["value"],
        row["predicted"],
        row["band"],
        *words,
        *[None] * (REASONS - len(words)),
        row["seen"],
        as_of,
        version,
    ]


def write_export(rows: Iterable[list[Any]], path: Path, form: str) -> int:
    """Write rows of COLUMNS to a file; return how many."""
    return {"csv": _write_csv, "xlsx": _write_xlsx, "parquet": _write_parquet}[form](iter(rows), path)


class _Line:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterable[list[Any]]) -> Iterator[str]:
    """Rows of COLUMNS as the lines of a CSV file, the header first, as Excel opens it."""
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(COLUMNS)
    for row in rows:
        yield writer.writerow(harmless_row(row))


def _write_csv(rows: Iterator[list[Any]], path: Path) -> int:
    lines = -1  # without the header
    with path.open("w", encoding="utf-8", newline="") as out:
        for line in csv_lines(rows):
            out.write(line)
            lines += 1
    return lines


def _write_xlsx(rows: Iterator[list[Any]], path: Path) -> int:
    count = 0
    # Without these options a text such as "=1+1" would become a formula and "https://" a link.
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet("Scores")
        sheet.freeze_panes(1, 0)
        sheet.write_row(0, 0, COLUMNS, book.add_format({"bold": True}))
        for count, row in enumerate(rows, start=1):
            if count > MOST_SHEET_ROWS:
                raise TooManyRows(f"Excel holds at most {MOST_SHEET_ROWS:,} records. Choose CSV or Parquet.")
            for place, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(count, place, cell)
                elif cell is not None:
                    sheet.write(count, place, cell)
    return count


def _write_parquet(rows: Iterator[list[Any]], path: Path) -> int:
    count, batch = 0, []
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for row in rows:
            batch.append(row)
            count += 1
            if len(batch) == BATCH:
                writer.write_batch(_batch(batch))
                batch = []
        if batch:
            writer.write_batch(_batch(batch))
    return count


def _batch(rows: list[list[Any]]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    return pa.record_batch(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], SCHEMA
    )


def harmless_row(row: Iterable[Any]) -> list[Any]:
    return [_harmless(cell) for cell in row]


def _harmless(cell: Any) -> Any:
    """A spreadsheet runs what begins with = + - @; a leading apostrophe keeps it text (OWASP, CSV injection)."""
    if isinstance(cell, float):
        return repr(cell)
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) and not _is_number(cell):
        return "'" + cell
    return cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
