"""Scores as a file, put where the customer's other files lie."""

from __future__ import annotations

import re
import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from apps.datasets.connectors.base.files import FileConnector
from apps.deliveries.channels.base import Channel, Parcel, Receipt, Setting, Undeliverable
from apps.deliveries.selection import selected
from apps.predictions.models import Prediction
from apps.scoring.export import FORMATS, TooManyRows, cells_of, write_export
from einstein.outbound.addresses import OutboundProblem

UNUSUAL = re.compile(r"[^\w.-]+")
BATCH = 10_000
NAMINGS = {"dated": "A new file each time, with its date", "same": "The same file, replaced each time"}


class FileChannel(Channel):
    """A folder somewhere else, reached like a source of the same kind."""

    connector: ClassVar[type[FileConnector]]
    schedule = "daily"

    @classmethod
    def settings_asked(cls, prediction: Prediction) -> Sequence[Setting]:
        name = UNUSUAL.sub("-", prediction.name.strip().lower()).strip("-.") or "scores"
        return (
            *cls.connector.settings_asked,
            Setting("file_name", "File name", "Without its ending", default=f"{name}-scores"),
            Setting("format", "Format", kind="choice", default="csv", choices=list(FORMATS.items())),
            Setting("naming", "Files", kind="choice", default="dated", choices=list(NAMINGS.items())),
        )

    def _source(self) -> FileConnector:
        return self.connector(self.settings, self.secret)

    @property
    def place(self) -> str:
        return self._source().place

    def test(self, prediction: Prediction) -> str:
        self._file_name("test")
        self._source().files()
        return f"It works: {self.place} can be reached. Whether a file can be written there is seen with the first one."

    @classmethod
    def replaces(cls, settings: dict[str, Any]) -> bool:
        return settings.get("naming") == "same"

    def learn(self) -> dict[str, Any]:
        return self._source().learn()

    @abstractmethod
    def put(self, path: Path, name: str) -> None:
        """Put a file there, whole or not at all; one of the same name is replaced."""

    def send(self, parcel: Parcel) -> Receipt:
        run = parcel.run
        if run is None:
            raise Undeliverable("The scoring it was about is gone.")
        name = self._file_name(f"{run.as_of.astimezone(parcel.workspace.zone):%Y-%m-%d-%H%M}")
        with (
            tempfile.TemporaryDirectory(prefix="einstein-export-") as folder,
            selected(run, parcel.base, parcel.which) as relation,
        ):
            path = Path(folder) / "export"
            try:
                rows = (cells_of(row, run.as_of.isoformat(), run.version.number) for row in _rows(relation))
                count = write_export(rows, path, self.settings["format"])
            except TooManyRows as problem:
                raise Undeliverable(str(problem)) from problem
            parcel.work.check()
            self.put(path, name)
            size = path.stat().st_size
        return Receipt(count, count, f"{name} with {count:,} records is there.", {"file": name, "bytes": size})

    def _file_name(self, moment: str) -> str:
        """The name of a run's file: the same for every attempt, so that a second one replaces the first."""
        name = str(self.settings.get("file_name", "")).strip()
        if not name or UNUSUAL.search(name) or name.startswith("."):
            raise OutboundProblem("A file name has letters, digits, dots and dashes only.")
        return (
            f"{name}-{moment}.{self.settings['format']}"
            if self.settings.get("naming") != "same"
            else f"{name}.{self.settings['format']}"
        )


def _rows(relation: Any) -> Iterator[dict[str, Any]]:
    for batch in relation.to_arrow_reader(BATCH):
        yield from batch.to_pylist()
