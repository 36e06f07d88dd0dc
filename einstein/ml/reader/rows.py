"""What a format hands over: a header and rows of strings with their place in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from einstein.ml.errors import DataProblem

Row = tuple[int, list[str | None]]


@dataclass
class Rows:
    """`header` as written (blank names included) and an iterator of (line, values)."""

    header: list[str]
    rows: Iterator[Row]
    notes: list[str]


@dataclass(frozen=True)
class Reject:
    """One row that could not be read."""

    line: int
    field: str
    reason: str


def magic_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


def require(condition: object, sentence: str) -> None:
    """Raise `DataProblem` with the sentence unless the condition holds."""
    if not condition:
        raise DataProblem(sentence)
