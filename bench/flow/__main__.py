"""`make bench-flow`: a table from PostgreSQL to a snapshot against `COPY ... TO STDOUT` alone, the second refresh with 1 % changed, a year of
nightly snapshots, a million changed scores written back against a bare COPY and upsert, and ten million orders joined to a million customers
against DuckDB alone. Limits: half the rows a second of the COPY under 1 GB; a quarter of the first refresh; 5 times one snapshot; half the rows a
second of the bare write; a fifth of DuckDB alone, which reads no dates and looks at no fields. `--rows N` narrows the table down."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from bench.flow.installation import VAR, begin, perform, workspace_of_its_own
from bench.flow.join import join
from bench.flow.write_back import write_back

TIMES, COLUMNS, CHANGED = 3, 20, 0.01
NIGHTS, NIGHT_ROWS, NIGHT_CHANGED = 365, 100_000, 0.005
MOST_GB, LEAST_SHARE, MOST_SECOND, MOST_YEAR = 1.0, 0.5, 0.25, 5.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--only", choices=["refresh", "year", "write", "join"])
    options = parser.parse_args()
    begin()
    failed = False
    if options.only in {None, "refresh"}:
        failed |= refreshes(options.rows)
    if options.only in {None, "year"}:
        failed |= year()
    if options.only in {None, "write"}:
        failed |= write_back()
    if options.only in {None, "join"}:
        failed |= join()
    return int(failed)


def refreshes(rows: int) -> bool:
    from tests.servers import OtherPostgres

    server = OtherPostgres(VAR / "other").start_fresh()
    server.run(*_table(rows))
    copies, firsts = [], []
    for _ in range(TIMES):  # in turn, because the machine's speed swings
        copies.append(rows / _copy_alone(server))
        user, workspace = workspace_of_its_own()
        source = _source(server, user, workspace)
        firsts.append(_refresh(workspace, source))
    server.run(
        f"UPDATE events SET amount = amount + 1, changed_at = '2026-11-25 10:00:00'::timestamp + id % 1000 * interval '1 second' WHERE id % {round(1 / CHANGED)} = 7"
    )
    second = _refresh(workspace, source)
    server.leave()
    rates = [rows / first["seconds"] for first in firsts]
    share = statistics.median(rates) / statistics.median(copies)
    first = sorted(firsts, key=lambda first: first["seconds"])[TIMES // 2]
    peak = max(first["gb"] for first in firsts)
    print(f"COPY alone         {_spread(copies)} rows/s, {rows:,} rows of {COLUMNS} columns")
    print(
        f"to a snapshot      {_spread(rates)} rows/s, {share:.2f} of it (at least {LEAST_SHARE}); peak {peak:.2f} GB (at most {MOST_GB})"
    )
    print(f"                   {first['stages']}")
    part = second["seconds"] / first["seconds"]
    print(
        f"second, 1% changed {second['seconds']:.1f} s: {part:.2f} of the first (at most {MOST_SECOND}); {second['outcome']['changed']:,} changed; peak {second['gb']:.2f} GB"
    )
    print(f"                   {second['stages']}")
    return share < LEAST_SHARE or peak > MOST_GB or second["gb"] > MOST_GB or part > MOST_SECOND


def _spread(rates: list[float]) -> str:
    """Least, median and greatest."""
    return "/".join(f"{rate:,.0f}" for rate in sorted(rates))


def _table(rows: int) -> list[str]:
    words = "(ARRAY['Basic','Plus','Pro','Enterprise'])[1 + id % 4]"
    columns = ["id::bigint AS id", "'C' || lpad((id % 900000)::text, 7, '0') AS customer", f"{words} AS plan", "(random() * 1000)::numeric(10,2) AS amount",
               "(id % 97)::int AS quantity", "timestamp '2024-01-01' + id % 900 * interval '1 day' AS ordered_at", "date '2020-01-01' + (id % 1800)::int AS since",
               "(id % 2 = 0) AS active", "md5(id::text) AS reference", "(random() * 100)::float4 AS score", "(ARRAY['DE','FR','US','GB','NL'])[1 + id % 5] AS country",
               "CASE WHEN id % 7 = 0 THEN NULL ELSE 'note ' || id % 5000 END AS note", "(id % 12)::smallint AS month", "random() AS weight",
               "'city ' || id % 300 AS city", "(id * 31 % 100000)::int AS zip", "(ARRAY['card','bank','cash'])[1 + id % 3] AS payment",
               "(id % 1000)::numeric(12,4) / 7 AS ratio", "'2026-11-01'::timestamp + id % 86400 * interval '1 second' AS changed_at", "'v' || id % 9 AS version"]  # fmt: skip
    assert len(columns) == COLUMNS
    return [
        f"CREATE UNLOGGED TABLE events AS SELECT {', '.join(columns)} FROM generate_series(1, {rows}) id",
        "ALTER TABLE events ADD PRIMARY KEY (id)",
        "ANALYZE events",
    ]


def _copy_alone(server: object) -> float:
    """Seconds of psql reading the whole table and throwing it away."""
    began = time.monotonic()
    subprocess.run(["psql", server.owner, "-q", "-c", "COPY events TO STDOUT"], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def _source(server: object, user: object, workspace: object) -> object:
    from apps.datasets import sources
    from apps.workspaces.scope import workspace_scope
    from tests.servers import PASSWORD

    with workspace_scope(workspace.id):
        source = sources.connect("postgresql", server.settings, {"password": PASSWORD}, workspace.id, user)
        sources.pick(source, {"schema": "public", "table": "events"}, user)
        plan = {
            "name": "Events",
            "noun": "event",
            "key_field": "id",
            "mode": "changes",
            "cursor_field": "changed_at",
            "schedule": "none",
            "hour": 5,
            "weekday": 0,
        }
        run = sources.plan(source, plan, user)
        run.delete()
    return source


def _refresh(workspace: object, source: object) -> dict:
    from apps.datasets import sources
    from apps.runs.models import Run
    from apps.workspaces.scope import workspace_scope

    with workspace_scope(workspace.id):
        run = sources.refresh_now(source, None)
        Run.objects.filter(id=run.id).update(state="dispatched")
    return perform(workspace, run)


def year() -> bool:
    """A year of nightly tables, taken in as a worker does; only the look at the fields is left out after the first night."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from apps.datasets import intake
    from apps.datasets.arrival import Arrived
    from apps.datasets.models import Dataset, Snapshot
    from apps.runs.lease import claim
    from apps.runs.models import Run
    from apps.runs.queue import enqueue
    from apps.workspaces.scope import workspace_scope
    from einstein.ml.reader.rows import ReadReport

    user, workspace = workspace_of_its_own()
    random = np.random.default_rng(1)
    columns = {"id": np.char.add("K", np.arange(NIGHT_ROWS).astype(str)).astype(object)}
    for number in range(COLUMNS - 1):
        columns[f"field {number}"] = (
            random.integers(0, [10, 1000, 100_000][number % 3], NIGHT_ROWS).astype(str).astype(object)
        )
    first_look = {}
    look_at = intake.look_at
    intake.look_at = lambda work, table, chosen, known=None: first_look.setdefault(
        "looks", first_look.get("looks") or look_at(work, table, chosen)
    )
    path = VAR / "night.parquet"
    with workspace_scope(workspace.id):
        dataset = Dataset.objects.create(name="Nightly", key_field="id", owner=user)
    for night in range(NIGHTS):
        if night:
            rows = random.choice(NIGHT_ROWS, round(NIGHT_ROWS * NIGHT_CHANGED), replace=False)
            name = f"field {random.integers(0, COLUMNS - 1)}"
            columns[name][rows] = random.integers(0, 1_000_000, len(rows)).astype(str)
        pq.write_table(pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}), path)
        with workspace_scope(workspace.id):
            run = enqueue("refresh", dataset.id)
            Run.objects.filter(id=run.id).update(state="dispatched")
        intake.take_in(
            claim(workspace.id, run.id), dataset.id, Arrived(path, ReadReport(list(columns), NIGHT_ROWS), "night")
        )
        if night and night % 50 == 0:
            print(f"  night {night}", flush=True)
    intake.look_at = look_at
    with workspace_scope(workspace.id):
        kept = list(Snapshot.objects.filter(dataset=dataset).order_by("number").values_list("bytes", "base_id"))
    times = sum(size for size, _ in kept) / kept[0][0]
    wholes = sum(base is None for _, base in kept)
    print(
        f"a year of nights   {len(kept)} snapshots of {NIGHT_ROWS:,} records, {wholes} of them whole: {times:.2f} times one (at most {MOST_YEAR})"
    )
    return times > MOST_YEAR or len(kept) != NIGHTS


if __name__ == "__main__":
    sys.exit(main())
