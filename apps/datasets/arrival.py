"""A table on its way into a dataset, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from apps.datasets import chain
from apps.datasets.models import HeldTable, Upload
from apps.runs.lease import Work
from apps.runs.models import Run
from einstein.ml.reader import ReadReport


@dataclass
class Arrived:
    """A table that was read, complete: a Parquet file of string columns, and what is known of it."""

    path: Path
    report: ReadReport
    origin: str
    upload: Upload | None = None
    changes_only: bool = False
    total: int | None = None  # of the source, with changes only
    keys: Callable[[Path], object] | None = None  # writes the keys of all its records
    position: dict[str, Any] | None = None  # of the source, kept together with the snapshot
    fresh: bool = False  # with changes only: none of them is as it was before
    accepted: HeldTable | None = None
    erased: int = 0  # records of the dataset that were known to be erased when it came
    sampled: dict[int, pa.Table] = field(default_factory=dict, repr=False)

    def sample(self, most: int) -> pa.Table:
        """At most `most` of its records; read once, whoever asks."""
        most = max(1, min(most, pq.read_metadata(self.path).num_rows))
        if most not in self.sampled:
            self.sampled[most] = chain.sample_of_file(self.path, most)
        return self.sampled[most]


@dataclass
class Taken:
    """What became of an arrived table, kept as the Run's outcome."""

    result: str  # "snapshot", "held" or "unchanged"
    number: int | None = None
    read: int | None = None  # records that came over
    added: int | None = None
    changed: int | None = None
    gone: int | None = None
    said: list[str] = field(default_factory=list)
    left_out: int = 0  # records that somebody had erased


def note_outcome(work: Work, taken: Taken) -> None:
    """Keep what became of the table with the Run; called inside the fence."""
    Run.objects.filter(id=work.run_id).update(outcome=asdict(taken))
