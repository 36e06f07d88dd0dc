"""`make bench-fairness`: how long the scorings of small companies wait for a worker, alone and beside one company that has 500 trainings queued and a
scoring of two million records under way, with the real workers and clock. A company's source comes due every few seconds. Limit: the p95 of the
waits beside it is at most twice the p95 alone."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from bench.fleet import companies
from bench.fleet.__main__ import PORT, ROOT, VAR, begin
from bench.fleet.models import KEY, train_all
from bench.fleet.night import Workers, run_night

COMPANIES, EVERY, LIMIT = 20, 4.0, 2.0
TRAININGS, RECORDS, ROWS_A_PART = 500, 2_000_000, 100_000
WAITS = "SELECT extract(epoch FROM started_at - due_at)::float FROM runs_run WHERE kind = 'score' AND created_at >= %s AND started_at IS NOT NULL AND workspace_id <> %s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=180)
    parser.add_argument("--records", type=int, default=RECORDS)
    options = parser.parse_args()
    models = train_all(VAR / "trained")
    _, owner_url = begin()
    pools, tables = companies.pools_of(models), list(dict.fromkeys(question.table for question in models))
    names = [tables[number % len(tables)] for number in range(COMPANIES + 1)]
    feed = subprocess.Popen([sys.executable, "-m", "bench.fleet.feed", str(VAR / "feed"), str(PORT)], cwd=ROOT)
    companies.found(models, range(COMPANIES + 1), f"http://127.0.0.1:{PORT}")
    workers = Workers("interactive", "train", "large")
    try:
        with psycopg.connect(owner_url, autocommit=True) as connection:
            hog = connection.execute("SELECT max(id) FROM workspaces_workspace").fetchone()[0]
            companies.write_feed(pools, names, VAR / "feed", 0)
            run_night(owner_url, workers)  # the first, in which models and what is usual are met for the first time
            alone = _waits(connection, pools, names, hog, options.seconds, 1)
            _burden(hog, pools[names[-1]], options.records)
            _until_scoring(connection, hog)
            beside = _waits(connection, pools, names, hog, options.seconds, 100)
            left = connection.execute("SELECT kind, state, count(*) FROM runs_run WHERE workspace_id = %s AND state IN ('queued', 'dispatched', 'running') GROUP BY 1, 2 ORDER BY 1, 2", [hog]).fetchall()  # fmt: skip
    finally:
        workers.stop(kill=True)
        feed.terminate()
    return _report(alone, beside, left)


def _waits(
    connection: psycopg.Connection, pools: dict, names: list[str], hog: int, seconds: int, night: int
) -> list[float]:
    """Let one company after another come due with a file of its own; how long each scoring waited until a worker had it."""
    began = connection.execute("SELECT now()").fetchone()[0]
    until, turn = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        company = turn % COMPANIES
        table = companies.tonight(pools[names[company]], company, night + turn // COMPANIES)
        table.to_csv(VAR / "feed" / f"{company}.csv", index=False)
        connection.execute(
            "UPDATE datasets_source SET next_run_at = now() WHERE workspace_id = (SELECT id FROM workspaces_workspace ORDER BY id OFFSET %s LIMIT 1)",
            [company],
        )
        turn += 1
        time.sleep(EVERY)
    time.sleep(10)
    return [row[0] for row in connection.execute(WAITS, [began, hog]).fetchall()]


def _burden(workspace: int, pool: pd.DataFrame, records: int) -> None:
    """Five hundred trainings, and a new snapshot of two million records to be scored."""
    from apps.datasets.lane import lane_of
    from apps.datasets.models import Dataset, Snapshot
    from apps.predictions.models import ModelVersion, Prediction
    from apps.runs.queue import enqueue
    from apps.workspaces.scope import workspace_scope
    from einstein import storage

    path, random = VAR / "hog.parquet", np.random.default_rng(7)
    writer = None
    for start in range(0, records, ROWS_A_PART):
        part = pool.iloc[random.integers(len(pool), size=min(ROWS_A_PART, records - start))].reset_index(drop=True)
        part.insert(0, KEY, [f"h-{start + row}" for row in range(len(part))])
        batch = pa.Table.from_pandas(part.astype("string"), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, batch.schema, compression="zstd")
        writer.write_table(batch)
    assert writer is not None
    writer.close()
    with workspace_scope(workspace):
        prediction = Prediction.objects.select_related("dataset").order_by("id").first()
        newest = Snapshot.objects.filter(dataset=prediction.dataset).order_by("-number").first()
        key = storage.key_for(workspace, "datasets", prediction.dataset_id, "snapshots", "hog.parquet")
        Snapshot.objects.create(
            dataset=prediction.dataset, number=newest.number + 1, storage_key=key, sha256=storage.put(path, key), rows=records,
            field_names=list(batch.schema.names), keyed_by=KEY, bytes=path.stat().st_size,
        )  # fmt: skip
        Dataset.objects.filter(id=prediction.dataset_id).update(state="active")
        enqueue("score", prediction.id, queue=lane_of(prediction.dataset_id), unique_key=f"score:{prediction.id}:hog")
        for number in range(TRAININGS):
            version = ModelVersion.objects.create(prediction=prediction, number=number + 2, state="training")
            enqueue("train", version.id, queue="train", unique_key=f"train:{version.id}")


def _until_scoring(connection: psycopg.Connection, hog: int) -> None:
    running = "SELECT count(*) FROM runs_run WHERE workspace_id = %s AND kind = 'score' AND state = 'running'"
    while not connection.execute(running, [hog]).fetchone()[0]:
        time.sleep(0.5)


def _report(alone: list[float], beside: list[float], left: list[tuple]) -> int:
    figures = {name: np.percentile(waits, [50, 95, 100]) for name, waits in (("alone", alone), ("beside", beside))}
    for name, waits in (("alone", alone), ("beside", beside)):
        p50, p95, most = figures[name]
        print(f"{name:8} {len(waits):4} scorings waited {p50:.2f}/{p95:.2f}/{most:.2f} s (p50/p95/max)")
    print(
        "what the one company still had at the end: "
        + ", ".join(f"{count} {kind} {state}" for kind, state, count in left)
    )
    ratio = figures["beside"][1] / figures["alone"][1]
    print(f"ratio    {ratio:.2f} of the p95s (limit {LIMIT})")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.exit(main())
