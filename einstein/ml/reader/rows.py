"""What a format hands over: a header and rows of strings with their place in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from einstein.ml.errors import DataProblem

MOST_REJECTS_LISTED = 1000

Row = tuple[int, "list[str | None] | Reject"]


@dataclass
class Rows:
    """`header` as written (blank names included) and an iterator of (line, values, or why they could not be read)."""

    header: list[str]
    rows: Iterator[Row]
    notes: list[str]


@dataclass(frozen=True)
class Reject:
    """One row that could not be read."""

    line: int
    field: str
    reason: str


@dataclass
class ReadReport:
    """What reading found: rows kept, rows set aside (the first 1,000 listed), and what was changed on the way."""

    fields: list[str]
    rows: int = 0
    rejected: int = 0
    rejects: list[Reject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def magic_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


def require(condition: object, sentence: str) -> None:
    """Raise `DataProblem` with the sentence unless the condition holds."""
    if not condition:
        raise DataProblem(sentence)
