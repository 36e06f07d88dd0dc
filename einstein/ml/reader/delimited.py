"""CSV, TSV and every other delimiter, in any encoding Excel writes, plain or packed."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from einstein.ml.errors import DataProblem
from einstein.ml.reader.packed import lines_of, open_bytes
from einstein.ml.reader.records import records_of
from einstein.ml.reader.rows import Row, Rows, require

PROBE_BYTES = 256 * 1024
DELIMITERS = [",", ";", "\t", "|"]
LEAST_SPLIT = 0.5
HEADER_SAMPLE, LEAST_TO_JUDGE = 200, 10
COPY_BLOCK = 1 << 20
BINARY_SHARE = 0.05  # more control characters than this and it is not text


@dataclass(frozen=True)
class Dialect:
    """How a text file is written: encoding, delimiter, whether quotation marks mean anything, header, physical lines before the records."""

    encoding: str
    delimiter: str
    quoted: bool
    header: list[str]
    lines_before: int
    notes: list[str]


def open_delimited(path: Path, dialect: Dialect | None = None) -> Rows:
    """Open a delimited text file; raises `DataProblem` when it holds no header or no text."""
    dialect = dialect or dialect_of(path)
    rows = _numbered_rows(path, dialect)
    return Rows(dialect.header, (row for row in rows if row[0] > dialect.lines_before), dialect.notes)


def dialect_of(path: Path) -> Dialect:
    """Settle how the file is written by its first 256 kB."""
    with open_bytes(path) as file:
        probe = file.read(PROBE_BYTES)
    require(
        probe.strip(b"\x00\r\n \t\xef\xbb\xbf\xff\xfe"),
        "The file is empty. Export it again and check that it holds records.",
    )
    encoding = _encoding(probe)
    notes = []
    text = probe.decode(encoding, errors="replace")
    _refuse_binary(text)
    if "\x00" in text:
        notes.append("The file holds NUL characters; they were removed.")
        text = text.replace("\x00", "")
    delimiter = _delimiter(text)
    quoted = _quotes_mean_something(text, delimiter, whole=len(probe) < PROBE_BYTES)
    sample, first, before = _first_rows(text, delimiter, quoted)
    require(first, "The file holds no header line. Put the names of the columns in the first line.")
    if lacks_header(first, sample):
        notes.append("The first line looks like a record, so the columns are named Column 1, Column 2 and so on.")
        return Dialect(encoding, delimiter, quoted, [""] * len(first), before[0], notes)
    return Dialect(encoding, delimiter, quoted, [value or "" for value in first], before[1], notes)


def _first_rows(text: str, delimiter: str, quoted: bool) -> tuple[list[list[str]], list[str], tuple[int, int]]:
    """(up to 200 rows after the first filled one, that one, physical lines before and through it)."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    )
    first: list[str] = []
    sample: list[list[str]] = []
    before, lines = (0, 0), 0
    with suppress(csv.Error):
        for row in reader:
            if not first and any(value.strip() for value in row):
                first, before = row, (lines, reader.line_num)
            elif first:
                sample.append(row)
            lines = reader.line_num
            if len(sample) == HEADER_SAMPLE:
                break
    return sample, first, before


def lacks_header(first: list[str], sample: list[list[str]]) -> bool:
    """Whether the first line is a record: numbers above columns of numbers, or an answer that comes again and again below."""
    rows = [row for row in sample if len(row) == len(first)]
    if len(rows) < LEAST_TO_JUDGE:
        return False
    for_it, against = 0, 0
    for cell, below in zip(first, zip(*rows, strict=True), strict=True):
        filled = [value for value in below if value.strip()]
        numeric = sum(count for value, count in Counter(filled).items() if _is_number(value))
        if len(filled) >= LEAST_TO_JUDGE and numeric > 0.9 * len(filled):
            for_it, against = (for_it + 1, against) if _is_number(cell) else (for_it, against + bool(cell.strip()))
        elif cell.strip() and len(set(filled)) <= 0.2 * len(filled):
            again = filled.count(cell)
            for_it, against = (
                (for_it + 1, against) if again >= 0.05 * len(filled) and again > 1 else (for_it, against + 1)
            )
    years = [cell for cell in first if _is_number(cell)]
    if years and all(cell.strip().isdigit() and 1900 <= int(cell) <= 2100 for cell in years) and len(years) > 1:
        return False  # a column a year
    return for_it > 0 and against == 0


def _is_number(value: str) -> bool:
    try:
        float(value.strip().replace(",", ".") or "x")
    except ValueError:
        return False
    return True


def _quotes_mean_something(text: str, delimiter: str, whole: bool) -> bool:
    """False when reading quotation marks as such glues lines together that are whole records without."""
    if '"' not in text:
        return True
    lines = [line for line in text.splitlines()[: None if whole else -1] if line.strip()]
    plain = Counter(line.count(delimiter) for line in lines)
    width, count = plain.most_common(1)[0]
    if not width or count < 0.99 * len(lines):
        return True
    reader = csv.reader(io.StringIO("\n".join(lines), newline=""), delimiter=delimiter)
    with suppress(csv.Error):
        rows = [row for row in reader if row]
        return len(rows) >= 0.999 * len(lines)
    return False


def _encoding(probe: bytes) -> str:
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if probe.startswith(mark):
            return name
    if len(probe) >= 4 and probe[1::2].count(0) > 0.4 * len(probe[1::2]) and probe[::2].count(0) == 0:
        return "utf-16-le"
    with suppress(UnicodeDecodeError):
        codecs.getincrementaldecoder("utf-8")().decode(probe)
        return "utf-8"
    return "cp1252"


def _refuse_binary(text: str) -> None:
    strange = sum(character < " " and character not in "\r\n\t\f\x1a" for character in text[:10000])
    if strange > BINARY_SHARE * max(1, len(text[:10000])):
        raise DataProblem("This is not a table. Send CSV, TSV, Excel, JSON lines or Parquet.")


def _delimiter(text: str) -> str:
    """The delimiter that splits most lines into the same number (above one) of values; a comma when none does."""
    lines = text.splitlines(keepends=True)[:200]
    best, best_score = ",", 0.0
    for delimiter in (mark for mark in DELIMITERS if any(mark in line for line in lines)):
        with suppress(csv.Error):
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
            width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(1, 0))
            share = count / max(1, sum(widths.values()))
            # A mark that splits only some lines stands inside the values of a file with one column.
            score = share * (1 + min(width, 50) / 50) if width > 1 and share >= LEAST_SPLIT else 0.0
            if score > best_score:
                best, best_score = delimiter, score
    return best


def _numbered_rows(path: Path, dialect: Dialect) -> Iterator[Row]:
    with _text(path, dialect) as stream:
        yield from records_of(lines_of(stream), dialect.delimiter, dialect.quoted, len(dialect.header))


def plain_copy(path: Path, dialect: Dialect, target: Path) -> None:
    """The text unpacked and in UTF-8, without NUL and byte order mark; memory holds one block."""
    with _text(path, dialect) as source, target.open("w", encoding="utf-8", errors="replace", newline="") as copy:
        while block := source.read(COPY_BLOCK):
            copy.write(block.replace("\x00", ""))


def _text(path: Path, dialect: Dialect) -> io.TextIOWrapper:
    errors = MIXED if dialect.encoding.startswith("utf") else "backslashreplace"
    return io.TextIOWrapper(open_bytes(path), encoding=dialect.encoding, errors=errors, newline="")


def is_plain(path: Path, dialect: Dialect) -> bool:
    """Whether the file is unpacked UTF-8 already (a later stray byte still may follow)."""
    with path.open("rb") as file:
        start = file.read(4)
    return dialect.encoding == "utf-8" and start[:2] != b"\x1f\x8b" and start != b"PK\x03\x04" and not dialect.notes


def _as_western(error: UnicodeError) -> tuple[str, int]:
    """A stray byte in a UTF-8 file was most likely written by an old Windows program."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


MIXED = "einstein_mixed"
codecs.register_error(MIXED, _as_western)
