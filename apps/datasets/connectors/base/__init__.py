"""What a connector is: its settings, a test that says the real reason, what can be picked, a preview, and reading."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from einstein.ml.reader.rows import ReadReport
from einstein.outbound.addresses import OutboundProblem

MOST_ROWS = 20_000_000
MOST_BYTES = 20 * 1024**3
PREVIEW_ROWS = 10


class SourceProblem(OutboundProblem):
    """A source cannot be read; the message is a sentence for the user."""


@dataclass(frozen=True)
class Setting:
    """One question of a connection form. Secret answers are sealed and never shown again."""

    name: str
    label: str
    help: str = ""
    secret: bool = False
    required: bool = True
    default: str = ""
    kind: str = "text"  # text, number (a port), count, password, long, choice, many
    choices: Sequence[tuple[str, str]] = ()
    address: bool = False  # part of where secrets are sent to


@dataclass(frozen=True)
class Choice:
    """Something that can be picked at a source: a table, a view, a pattern of files."""

    pick: dict[str, Any]
    title: str
    detail: str = ""


@dataclass
class Preview:
    """The first records at the source, as strings."""

    header: list[str]
    rows: list[list[str | None]]
    cursors: list[str] = field(default_factory=list)  # fields by which changes can be told
    keys: list[str] = field(default_factory=list)  # fields the source itself says are the key
    words: str = ""


@dataclass(frozen=True)
class Since:
    """How changes are told: rows whose `cursor_field` is `cursor` or later. Without a cursor everything is read and the newest one noted.

    `known` are the records that stood at the cursor when it was last read: a fingerprint by key, or None when there were too many to keep.
    """

    cursor_field: str
    key_field: str
    cursor: str | None
    known: dict[str, str] | None = None


@dataclass
class Reading:
    """What a source gave: a Parquet file of string columns, complete, or nothing new.

    With `changes_only` the file holds new and changed records only. `total` is how many records the source holds altogether, and
    `keys(path)` writes the keys of all of them; both only where the source can tell.
    """

    path: Path | None
    report: ReadReport
    origin: str
    position: dict[str, Any] = field(default_factory=dict)
    changes_only: bool = False
    fresh: bool = False  # records that are as they were were passed over already
    total: int | None = None
    keys: Callable[[Path], object] | None = None


Tell = Callable[[int, int | None], None]  # records read so far, records expected or None; raises to stop


class Connector(ABC):
    """A connection to one source. `settings` may be shown, `secret` may not; both are what the form asked for."""

    kind: ClassVar[str]
    title: ClassVar[str]
    words: ClassVar[str]
    icon: ClassVar[str]
    order: ClassVar[int]
    settings_asked: ClassVar[Sequence[Setting]]
    knows_changes: ClassVar[bool] = False
    picks_files: ClassVar[bool] = False
    takes_query: ClassVar[bool] = False
    do_not_call_in_templates = True  # pages show the class's words; Django would make an instance

    def __init__(self, settings: dict[str, Any], secret: dict[str, Any]) -> None:
        self.settings, self.secret = settings, secret

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it leads, without secrets: "crm on db.example.com"."""

    @abstractmethod
    def test(self) -> str:
        """Try the connection; a sentence of what was found. Raises `OutboundProblem` with the real reason in plain words."""

    @abstractmethod
    def choices(self) -> list[Choice]:
        """What can be picked, at most a few thousand."""

    @abstractmethod
    def preview(self, pick: dict[str, Any]) -> Preview:
        """The first records of a pick."""

    @abstractmethod
    def read(
        self, pick: dict[str, Any], since: Since | None, position: dict[str, Any], folder: Path, tell: Tell
    ) -> Reading:
        """Read a pick whole, or what changed `since`, into `folder`. What is returned is complete, or an exception is raised."""

    def learn(self) -> dict[str, Any]:
        """Settings that the first successful connection fixes, such as a server's fingerprint."""
        return {}

    def words_of(self, pick: dict[str, Any]) -> str:
        """A pick in words."""
        return str(pick.get("title") or pick.get("pattern") or pick.get("table") or self.place)
