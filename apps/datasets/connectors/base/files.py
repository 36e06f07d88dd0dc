"""What all places with files share: the newest file that fits a pattern, or every new one, read like an upload."""

from __future__ import annotations

import fnmatch
import re
import tempfile
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from apps.datasets.connectors.base import PREVIEW_ROWS, Choice, Connector, Preview, Reading, Since, SourceProblem, Tell
from einstein.ml.errors import DataProblem
from einstein.ml.reader import read_to_parquet
from einstein.ml.reader.rows import MOST_REJECTS_LISTED, ReadReport

TABLE_ENDINGS = (
    ".csv",
    ".tsv",
    ".txt",
    ".xlsx",
    ".xls",
    ".ods",
    ".json",
    ".jsonl",
    ".ndjson",
    ".parquet",
    ".gz",
    ".zip",
)
MOST_FILES, MOST_CHOICES = 20_000, 200
MOST_FILE_BYTES = 4 * 1024**3
REMEMBERED = 2000  # names of files read before


@dataclass(frozen=True)
class RemoteFile:
    """One file at a source; `mark` changes when its content does (an ETag, or size and time)."""

    name: str
    size: int
    modified: float
    mark: str


class FileConnector(Connector):
    """A folder somewhere else. `pick` is {"pattern": "exports/*.csv", "which": "newest" or "new"}."""

    picks_files = True

    @abstractmethod
    def files(self) -> list[RemoteFile]:
        """Every file below the folder, at most 20,000."""

    @abstractmethod
    def get(self, file: RemoteFile, target: Path) -> None:
        """Bring one file here, whole."""

    def test(self) -> str:
        tables = [file for file in self.files() if file.name.lower().endswith(TABLE_ENDINGS)]
        if not tables:
            return (
                "It works, but there is no table among the files yet: nothing ends in .csv, .xlsx, .json or .parquet."
            )
        return f"It works: {len(tables):,} file{'s' if len(tables) != 1 else ''} with tables."

    def choices(self) -> list[Choice]:
        """Single files, and patterns that join files whose names differ by numbers only, the newest first."""
        groups: dict[str, list[RemoteFile]] = {}
        for file in self.files():
            if file.name.lower().endswith(TABLE_ENDINGS):
                groups.setdefault(pattern_of(file.name), []).append(file)
        newest = sorted(groups.items(), key=lambda entry: -max(file.modified for file in entry[1]))
        return [
            Choice({"pattern": pattern if len(files) > 1 else files[0].name}, pattern if len(files) > 1 else files[0].name,
                   f"{len(files):,} files" if len(files) > 1 else _size_words(files[0].size))
            for pattern, files in newest[:MOST_CHOICES]
        ]  # fmt: skip

    def preview(self, pick: dict[str, Any]) -> Preview:
        file = self._fitting(pick)[-1]
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "table.parquet"
            report = self._as_table(file, Path(folder), target)
            first = next(pq.ParquetFile(target).iter_batches(batch_size=PREVIEW_ROWS), None)
        rows = [list(row.values()) for row in first.to_pylist()] if first is not None else []
        return Preview(report.fields, rows, words=f"The newest file is {file.name}, {_size_words(file.size)}.")

    def words_of(self, pick: dict[str, Any]) -> str:
        return str(pick.get("pattern", ""))

    def read(
        self, pick: dict[str, Any], since: Since | None, position: dict[str, Any], folder: Path, tell: Tell
    ) -> Reading:
        fitting = self._fitting(pick)
        known = dict(position.get("files", {}))
        if pick.get("which") == "new":
            wanted = [file for file in fitting if known.get(file.name) != file.mark]
        else:
            wanted = fitting[-1:] if known.get(fitting[-1].name) != fitting[-1].mark else []
        remembered = {file.name: file.mark for file in fitting[-REMEMBERED:]}
        if not wanted:
            return Reading(None, ReadReport([]), self.place, {"files": remembered})
        target = folder / "table.parquet"
        report = self._together(wanted, folder, target, tell)
        words = wanted[0].name if len(wanted) == 1 else f"{len(wanted)} files, the newest {wanted[-1].name}"
        return Reading(
            target,
            report,
            f"{words} from {self.place}",
            {"files": remembered},
            changes_only=pick.get("which") == "new" and bool(known),
        )

    def _fitting(self, pick: dict[str, Any]) -> list[RemoteFile]:
        """The files of a pick, oldest first."""
        pattern = pick.get("pattern", "")
        found = [file for file in self.files() if file.name == pattern or fnmatch.fnmatchcase(file.name, pattern)]
        if not found:
            raise SourceProblem(f"No file at {self.place} is named {pattern}. Check that it was exported.")
        return sorted(found, key=lambda file: (file.modified, file.name))

    def _as_table(self, file: RemoteFile, folder: Path, target: Path) -> ReadReport:
        if file.size > MOST_FILE_BYTES:
            raise SourceProblem(
                f"{file.name} has {_size_words(file.size)}; {_size_words(MOST_FILE_BYTES)} is the limit."
            )
        received = folder / "received"
        self.get(file, received)
        try:
            return read_to_parquet(received, target, file.name)
        except DataProblem as problem:
            raise SourceProblem(f"{file.name} could not be used. {problem}") from problem
        finally:
            received.unlink(missing_ok=True)

    def _together(self, files: list[RemoteFile], folder: Path, target: Path, tell: Tell) -> ReadReport:
        """Several files as one table, a later record of the same key counting; fields that a file lacks are blank."""
        if len(files) == 1:
            report = self._as_table(files[0], folder, target)
            tell(report.rows, None)
            return report
        parts, report = [], ReadReport([])
        for number, file in enumerate(files):
            part = folder / f"part-{number}.parquet"
            one = self._as_table(file, folder, part)
            parts.append(part)
            report.fields += [name for name in one.fields if name not in report.fields]
            report.rows, report.rejected = report.rows + one.rows, report.rejected + one.rejected
            report.rejects = [*report.rejects, *one.rejects][:MOST_REJECTS_LISTED]
            report.notes += [f"{file.name}: {note}" for note in one.notes]
            tell(report.rows, None)
        schema = pa.schema([(name, pa.string()) for name in report.fields])
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for part in parts:
                for batch in pq.ParquetFile(part).iter_batches():
                    writer.write_batch(_widened(batch, schema))
                part.unlink()
        return report


def pattern_of(name: str) -> str:
    """ "orders-2026-11-25.csv" -> "orders-*.csv": digits and the signs between them become one star."""
    folder, _, base = name.rpartition("/")
    stem, dot, ending = base.partition(".")
    star = re.sub(r"\d+(?:[-_.T]?\d+)*", "*", stem)
    return f"{folder}/{star}{dot}{ending}" if folder else f"{star}{dot}{ending}"


def _widened(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    empty = pa.nulls(batch.num_rows, pa.string())
    names = set(batch.schema.names)
    return pa.record_batch([batch.column(name) if name in names else empty for name in schema.names], schema)


def _size_words(size: int) -> str:
    return f"{size / 1024**2:,.1f} MB" if size >= 1024**2 else f"{max(1, round(size / 1024)):,} kB"
