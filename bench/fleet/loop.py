"""The rival: a bare loop that reads the Parquet, loads the model, predicts with reasons and COPYs, in as many processes as there are workers."""

from __future__ import annotations

import json
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import psycopg

from bench.fleet.models import KEY

REASONS = 6  # as the product keeps them
TABLE = "bench_loop"
COLUMNS = ["prediction", "key", "value", "predicted", "band", "reasons"]

Job = tuple[int, str, str, str]  # prediction, Parquet, model folder, content hash


def run(url: str, jobs: list[Job], processes: int) -> float:
    """Seconds for all jobs."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
        connection.execute(
            f"CREATE TABLE {TABLE} (prediction bigint, key text, value double precision, predicted text, band text, reasons jsonb)"
        )
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        list(pool.map(_warm, range(processes)))  # imports are not what is compared
        began = time.monotonic()
        list(pool.map(_part, [url] * processes, [jobs[start::processes] for start in range(processes)]))
        seconds = time.monotonic() - began
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE {TABLE}")
    return seconds


def _warm(_: int) -> None:
    import einstein.ml.scorer  # noqa: F401

    time.sleep(2)  # so that each process gets one


def _part(url: str, jobs: list[Job]) -> None:
    from einstein.ml.artifact import load_model
    from einstein.ml.scorer import score

    with psycopg.connect(url) as connection:
        for prediction, path, folder, digest in jobs:
            records = pd.read_parquet(path).set_index(KEY)
            found = score(load_model(Path(folder), digest), records, REASONS)
            with connection.cursor().copy(f"COPY {TABLE} ({', '.join(COLUMNS)}) FROM STDIN") as copy:
                for row in zip(records.index, found.value, found.predicted, found.bands, found.reasons, strict=True):
                    copy.write_row((prediction, row[0], float(row[1]), str(row[2]), row[3], json.dumps(row[4])))
            connection.commit()
