"""The score history of one record, read from the Parquet files of the runs."""

from __future__ import annotations

from datetime import datetime

import pyarrow.parquet as pq

from apps.predictions.models import Prediction
from apps.scoring.models import ScoringRun
from einstein import storage

SHOWN_RUNS = 30


def history_of(prediction: Prediction, key: str) -> list[tuple[datetime, float]]:
    """(as of, score) of the newest 30 runs that hold the record, oldest first."""
    runs = list(ScoringRun.objects.filter(prediction=prediction).order_by("-as_of")[:SHOWN_RUNS])
    found = []
    for run in reversed(runs):
        with storage.local_copy(run.history_key) as path:
            rows = pq.read_table(path, columns=["key", "value"], filters=[("key", "=", key)])
        if rows.num_rows:
            found.append((run.as_of, float(rows.column("value")[0].as_py())))
    return found
