"""CSV, TSV and every other delimiter, in any encoding Excel writes, plain or packed."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from einstein.ml.errors import DataProblem
from einstein.ml.reader.rows import Row, Rows, require

PROBE_BYTES = 256 * 1024
MOST_UNPACKED_BYTES = 4 * 1024**3
DELIMITERS = [",", ";", "\t", "|"]
csv.field_size_limit(1024 * 1024)
LEAST_SPLIT = 0.5
BINARY_SHARE = 0.05  # more control characters than this and it is not text


def open_delimited(path: Path) -> Rows:
    """Open a delimited text file; raises `DataProblem` when it holds no header or no text."""
    probe = _start_of(path)
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
    rows = _numbered_rows(path, encoding, delimiter)
    header = next((values for _, values in rows if any(value and value.strip() for value in values)), None)
    require(header, "The file holds no header line. Put the names of the columns in the first line.")
    return Rows([value or "" for value in header or []], rows, notes)


def _start_of(path: Path) -> bytes:
    try:
        with _binary(path) as file:
            return file.read(PROBE_BYTES)
    except (EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise DataProblem("The packed file is broken. Pack it again.") from error


def _binary(path: Path) -> Any:
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        return _Bounded(gzip.open(path, "rb"))
    if magic == b"PK\x03\x04":
        return _only_file_of(path)
    return path.open("rb")


def _only_file_of(path: Path) -> Any:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise DataProblem("The packed file is broken. Pack it again.") from error
    members = [item for item in archive.infolist() if not item.is_dir() and not item.filename.startswith("__MACOSX")]
    require(len(members) == 1, f"The archive holds {len(members)} files. Send one file at a time.")
    require(members[0].file_size <= MOST_UNPACKED_BYTES, "The archive unpacks to more than 4 GB. Split the file.")
    return _Bounded(archive.open(members[0]))


class _Bounded(io.RawIOBase):
    """A packed stream that refuses to unpack without end."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.read_bytes = inner, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self.inner.read(len(buffer))
        self.read_bytes += len(data)
        require(self.read_bytes <= MOST_UNPACKED_BYTES, "The file unpacks to more than 4 GB. Split it.")
        buffer[: len(data)] = data
        return len(data)


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
    for delimiter in DELIMITERS:
        with suppress(csv.Error):
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
            width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(1, 0))
            share = count / max(1, sum(widths.values()))
            # A mark that splits only some lines stands inside the values of a file with one column.
            score = share * (1 + min(width, 50) / 50) if width > 1 and share >= LEAST_SPLIT else 0.0
            if score > best_score:
                best, best_score = delimiter, score
    return best


def _numbered_rows(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    errors = "replace" if encoding.startswith("utf") else "backslashreplace"
    with io.TextIOWrapper(io.BufferedReader(_binary(path)), encoding=encoding, errors=errors, newline="") as stream:
        reader = csv.reader((line.replace("\x00", "") for line in stream), delimiter=delimiter)
        while True:
            line = reader.line_num + 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise DataProblem(f"Line {line:,} cannot be read: {error}. Check the quotation marks in it.") from error
            except (EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
                raise DataProblem("The packed file is broken. Pack it again.") from error
            yield line, [value if value != "" else None for value in values]
