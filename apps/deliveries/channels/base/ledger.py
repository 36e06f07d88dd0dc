"""What a destination holds from us: a ledger (Parquet). A run's scores are compared with it, so that only what differs is written.

Writing the same difference twice leaves the same rows, so a worker may be killed at any line.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from apps.datasets.engine import engine_for, literal
from apps.deliveries.models import Delivery
from apps.deliveries.selection import MEMORY, selected
from apps.deliveries.which import Which
from apps.scoring.models import ScoringRun
from einstein import storage

EXPIRES_DAYS = 7  # until a score that is not renewed is old
# The columns of a ledger, by which a row counts as changed.
LEDGER = pa.schema([("key", pa.string()), ("score", pa.float64()), ("band", pa.string()), ("predicted", pa.string()), ("reasons", pa.string()),
                    ("model_version", pa.int64()), ("as_of", pa.timestamp("us", "UTC")), ("expires_at", pa.timestamp("us", "UTC"))])  # fmt: skip


@dataclass
class Difference:
    """The rows of a run that the destination does not hold yet. `rows` has the columns of LEDGER and before, before_band, fresh."""

    rows: pa.Table
    unchanged: int
    known: int  # rows of the run that the destination holds in some form
    changed_band: int
    fresh_keys: list[str]
    next_ledger: Callable[[Path, set[str]], Path]

    def facts(self) -> dict[str, Any]:
        fresh = len(self.fresh_keys)
        return {
            "new": fresh, "changed": self.rows.num_rows - fresh, "unchanged": self.unchanged, "changed_band": self.changed_band,
            "known": self.known,
        }  # fmt: skip


@contextmanager
def difference_of(
    settings: dict[str, Any], delivery: Delivery, run: ScoringRun, base: ScoringRun | None, which: Which
) -> Iterator[Difference]:
    """A run's records against the ledger. A row also counts as changed when it would expire before it is half renewed."""
    expires = run.as_of + timedelta(days=expires_days(settings))
    renew = (
        run.as_of + timedelta(days=expires_days(settings)) / 2
        if "expires_at" in settings.get("target", {}).get("columns", {})
        else None
    )
    with ExitStack() as open_files, selected(run, base, which) as relation:
        folder = Path(open_files.enter_context(tempfile.TemporaryDirectory(prefix="einstein-ledger-")))
        database = open_files.enter_context(engine_for(run.scored, folder, MEMORY))
        now = relation.project("key, value AS score, band, predicted, words AS reasons").to_arrow_table()
        database.register("now", now)
        ledger = open_files.enter_context(storage.local_copy(delivery.ledger_key)) if delivery.ledger_key else None
        database.register("empty", LEDGER.empty_table())
        database.execute(f"CREATE TEMP VIEW ledger AS SELECT * FROM {_file(ledger)}")
        joined = (
            "SELECT now.key, now.score, now.band, now.predicted, now.reasons, ledger.key IS NULL AS fresh, ledger.score AS before, ledger.band AS before_band, "
            "(ledger.key IS NULL OR ledger.score <> now.score OR ledger.band <> now.band OR ledger.predicted IS DISTINCT FROM now.predicted "
            "OR ledger.reasons IS DISTINCT FROM now.reasons OR ledger.model_version <> $version OR coalesce(ledger.expires_at < $renew, false)) AS differs "
            "FROM now LEFT JOIN ledger USING (key)"
        )
        database.execute("SET TimeZone = 'UTC'")
        database.execute(f"CREATE TEMP TABLE joined AS {joined}", {"version": run.version.number, "renew": renew})
        database.unregister("now")  # a million rows with reasons are a third of a gigabyte: none is kept twice for long
        del now
        rows = database.sql(
            "SELECT key, score, band, predicted, reasons, CAST($version AS BIGINT) AS model_version, CAST($as_of AS TIMESTAMPTZ) AS as_of, "
            "CAST($expires AS TIMESTAMPTZ) AS expires_at, before, before_band, fresh FROM joined WHERE differs",
            params={"version": run.version.number, "as_of": run.as_of, "expires": expires},
        ).to_arrow_table()
        unchanged, known, changed_band = database.execute(
            "SELECT count(*) FILTER (NOT differs), count(*) FILTER (NOT fresh), count(*) FILTER (NOT fresh AND before_band <> band) FROM joined"
        ).fetchall()[0]
        database.execute("DROP TABLE joined")

        def next_ledger(path: Path, missing: set[str]) -> Path:
            database.register("written", rows)
            database.register("missing", pa.table({"key": pa.array(sorted(missing), pa.string())}))
            names = ", ".join(LEDGER.names)
            database.execute(
                f"COPY (SELECT {names} FROM ledger WHERE key NOT IN (SELECT key FROM written) UNION ALL "
                f"SELECT {names} FROM written WHERE key NOT IN (SELECT key FROM missing)) TO {literal(path)} (FORMAT parquet, COMPRESSION zstd)"
            )
            return path

        fresh = rows.filter(rows.column("fresh")).column("key").to_pylist()
        yield Difference(rows, unchanged, known, changed_band, fresh, next_ledger)


def expires_days(settings: dict[str, Any]) -> int:
    return int(settings.get("expires_days") or EXPIRES_DAYS)


def _file(path: Path | None) -> str:
    return f"read_parquet({literal(path)})" if path is not None else "empty"


def asked(sql: str, rows: pa.Table) -> pa.Table:
    """A query over `rows`."""
    with tempfile.TemporaryDirectory() as folder, engine_for(rows.num_rows, Path(folder), MEMORY) as database:
        database.register("rows", rows)
        return database.sql(sql).to_arrow_table()
