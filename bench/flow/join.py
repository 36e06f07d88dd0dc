"""Ten million orders told of a million customers, against DuckDB alone that reads the same files and does the same sums in the same run."""

from __future__ import annotations

import statistics
import time

from bench.flow.installation import VAR, perform, workspace_of_its_own

CUSTOMERS, ORDERS, BARE_RUNS = 1_000_000, 10_000_000, 3
LEAST_SHARE, MOST_GB = 0.2, 3.0
WINDOWS = (90, 365)
DAY = "DATE '2026-01-01' + CAST({} % 1000 AS INTEGER)"


def join() -> bool:
    files = {"customers": VAR / "customers.parquet", "orders": VAR / "orders.parquet"}
    _write(files)
    user, workspace = workspace_of_its_own()
    datasets = {name: _dataset(workspace, user, name, path) for name, path in files.items()}
    facts = _enriched(workspace, user, datasets)
    bare = [ORDERS / _bare(files) for _ in range(BARE_RUNS)]
    rate, alone = ORDERS / facts["seconds"], statistics.median(bare)
    print(
        f"DuckDB alone       {'/'.join(f'{one:,.0f}' for one in sorted(bare))} orders/s, {ORDERS:,} orders of {CUSTOMERS:,} customers"
    )
    print(
        f"a joined dataset   {rate:,.0f} orders/s in {facts['seconds']:.1f} s: {rate / alone:.2f} of it (at least {LEAST_SHARE}); peak {facts['gb']:.2f} GB (at most {MOST_GB})"
    )
    print(f"                   {facts['stages']}")
    return rate / alone < LEAST_SHARE or facts["gb"] > MOST_GB


def _write(files: dict) -> None:
    import duckdb

    day = f"CAST({DAY.format('i * 7919')} AS VARCHAR)"
    with duckdb.connect() as engine:
        engine.execute(
            f"COPY (SELECT 'C' || i AS id, ['Basic','Plus','Pro'][1 + i % 3] AS plan, {day} AS decided FROM range({CUSTOMERS}) t(i)) "
            f"TO '{files['customers']}' (FORMAT parquet, ROW_GROUP_SIZE 131072)"
        )
        engine.execute(
            f"COPY (SELECT 'O' || i AS order_id, 'C' || (i * 104729 % {CUSTOMERS}) AS customer, CAST({DAY.format('i * 31')} AS VARCHAR) AS ordered_on, "
            f"CAST(i % 9000 / 100 AS VARCHAR) AS amount, ['paid','open','back'][1 + i % 3] AS status FROM range({ORDERS}) t(i)) "
            f"TO '{files['orders']}' (FORMAT parquet, ROW_GROUP_SIZE 131072)"
        )


def _dataset(workspace: object, user: object, name: str, path: object) -> object:
    """Taken in as a refresh does it."""
    import pyarrow.parquet as pq

    from apps.datasets.arrival import Arrived
    from apps.datasets.intake import take_in
    from apps.datasets.models import Dataset
    from apps.runs.lease import claim
    from apps.runs.models import Run
    from apps.runs.queue import enqueue
    from apps.workspaces.scope import workspace_scope
    from einstein.ml.reader.rows import ReadReport

    file = pq.ParquetFile(path)
    with workspace_scope(workspace.id):
        dataset = Dataset.objects.create(name=name.capitalize(), key_field=file.schema_arrow.names[0], owner=user)
        run = enqueue("refresh", dataset.id)
        Run.objects.filter(id=run.id).update(state="dispatched")
    take_in(
        claim(workspace.id, run.id),
        dataset.id,
        Arrived(path, ReadReport(file.schema_arrow.names, file.metadata.num_rows), name),
    )
    return dataset


def _enriched(workspace: object, user: object, datasets: dict) -> dict:
    from apps.datasets.enrich import make_enriched
    from apps.datasets.joins import Join
    from apps.runs.models import Run
    from apps.workspaces.scope import workspace_scope

    told = Join(
        datasets["orders"].id,
        "Orders",
        "id",
        "customer",
        "ordered_on",
        list(WINDOWS),
        sums=["amount"],
        latest=["status"],
    )
    with workspace_scope(workspace.id):
        make_enriched(datasets["customers"], [told], "decided", user)
        run = Run.objects.get(kind="enrich", state="queued")
        Run.objects.filter(id=run.id).update(state="dispatched")
    return perform(workspace, run)


def _bare(files: dict) -> float:
    """Seconds of one DuckDB query over the two files, with all the memory there is."""
    import duckdb

    inside = [f"FILTER (WHERE o.day >= c.day - INTERVAL {days} DAY)" for days in WINDOWS]
    told = ", ".join(f"count(*) {one}, sum(o.amount) {one}" for one in inside)
    began = time.monotonic()
    with duckdb.connect() as engine:
        engine.execute(
            f"COPY (SELECT c.*, told.* FROM (SELECT *, CAST(decided AS TIMESTAMP) AS day FROM read_parquet('{files['customers']}')) c LEFT JOIN ("
            f"SELECT c.id AS key, {told}, max(o.day), arg_max(o.status, o.day) FROM (SELECT id, CAST(decided AS TIMESTAMP) AS day FROM read_parquet('{files['customers']}')) c "
            "JOIN (SELECT customer, CAST(ordered_on AS TIMESTAMP) AS day, TRY_CAST(amount AS DOUBLE) AS amount, status "
            f"FROM read_parquet('{files['orders']}')) o ON o.customer = c.id AND o.day < c.day GROUP BY c.id) told ON told.key = c.id) "
            f"TO '{VAR / 'bare.parquet'}' (FORMAT parquet)"
        )
    return time.monotonic() - began
