"""The score history of one record, read from the Parquet files of the runs."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow.parquet as pq

from apps.predictions.models import Prediction
from apps.scoring.models import ScoringRun
from einstein import storage

SHOWN_RUNS = 30


class Point(NamedTuple):
    """A record's score in one run."""

    run: ScoringRun
    value: float


def history_of(prediction: Prediction, key: str) -> list[Point]:
    """The record's score in those of the newest 30 runs that hold it, oldest first."""
    found_runs = ScoringRun.objects.filter(prediction=prediction).exclude(history_key="").select_related("snapshot")
    runs = list(found_runs.order_by("-as_of")[:SHOWN_RUNS])
    found = []
    for run in reversed(runs):
        with storage.local_copy(run.history_key) as path:
            rows = pq.read_table(path, columns=["key", "value"], filters=[("key", "=", key)])
        if rows.num_rows:
            found.append(Point(run, float(rows.column("value")[0].as_py())))
    return found
