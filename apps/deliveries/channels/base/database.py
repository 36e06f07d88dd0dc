"""Writing scores back into a customer's database: only rows that changed, in one transaction, with a cap, a dry run and an undo.

What the destination holds from us is kept in a ledger (Parquet). A run's scores are compared with it; the difference is written and becomes
part of the next ledger. Writing the same difference twice leaves the same rows, so a worker may be killed at any line.
"""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from apps.datasets.connectors.base.sql import SqlConnector
from apps.deliveries.channels.base import Channel, Held, Parcel, Receipt, Setting, Undeliverable
from apps.deliveries.models import Delivery
from apps.deliveries.selection import Which, selected
from apps.outbox.models import Sending
from apps.predictions.models import Prediction
from apps.scoring.models import ScoringRun
from einstein import storage

# What can be written, with its words and the type it has in a table of our own making.
VALUES = {
    "score": "Score", "percent": "Score in percent", "band": "Band (High, Medium, Low)", "predicted": "Predicted answer", "reasons": "Reasons in words",
    "as_of": "Time of the score", "model_version": "Version of the model", "expires_at": "When the score expires", "text": "A text of yours",
}  # fmt: skip
OWN_KEY = "record_key"
OWN_VALUES = ["score", "band", "predicted", "reasons", "as_of", "model_version", "expires_at"]
HOLD_PERCENT, EXPIRES_DAYS = 20, 7  # of the rows changing band; days until a score that is not renewed is old
SHOWN_ROWS = 5
# The columns of a ledger, by which a row counts as changed.
LEDGER = pa.schema([("key", pa.string()), ("score", pa.float64()), ("band", pa.string()), ("predicted", pa.string()), ("reasons", pa.string()),
                    ("model_version", pa.int64()), ("as_of", pa.timestamp("us", "UTC")), ("expires_at", pa.timestamp("us", "UTC"))])  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A table at the destination: `key` names the record, `columns` maps each of our values to the column it goes into."""

    schema: str
    table: str
    key: str
    columns: dict[str, str]
    own: bool = False  # made and filled by us; otherwise rows that are not there are not added

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Target:
        columns = facts["columns"]  # JSON in the database keeps no order
        return cls(**facts | {"columns": {value: columns[value] for value in VALUES if value in columns}})

    @property
    def words(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table

    @property
    def guard(self) -> str:
        """The column that tells which of two writes is the newer one, or ""."""
        return self.columns.get("as_of", "")


@dataclass
class Written:
    """What a database acknowledged. `missing` are keys it has no row for."""

    matched: int
    missing: set[str] = field(default_factory=set)
    before: list[dict[str, str | None]] = field(default_factory=list)  # the first rows as they were


class DatabaseChannel(Channel):
    """A database reached like a source of the same kind, by a user that may write."""

    supersedes = writes_tables = True
    connector: ClassVar[type[SqlConnector]]

    @classmethod
    def settings_asked(cls, prediction: Prediction) -> Sequence[Setting]:
        return cls.connector.settings_asked

    @property
    def place(self) -> str:
        return self._source().place

    @property
    def target(self) -> Target:
        if not self.settings.get("target"):
            raise Undeliverable("It is not decided yet which table the scores go to.", stop=True)
        return Target.from_json(self.settings["target"])

    def test(self, prediction: Prediction) -> str:
        return self._source().test()

    def _source(self) -> SqlConnector:
        return self.connector(self.settings, self.secret)

    def tables(self) -> list[tuple[str, str]]:
        """(schema, table) of everything that could be written to."""
        with self._source().session() as connection:
            return [(schema or "", name) for schema, name, kind in self._source()._names(connection) if kind == "table"]

    def columns_of(self, schema: str, table: str) -> list[tuple[str, str]]:
        """(name, type in the database's words) of a table's columns."""
        with self._source().session() as connection:
            found = sa.inspect(connection).get_columns(table, schema or None)
        return [(column["name"], str(column["type"])) for column in found]

    @abstractmethod
    def write(
        self, target: Target, rows: pa.Table, before: Path, check: Callable[[], None], *, keep: bool = True
    ) -> Written:
        """Write `rows` (strings: the key, then the target's columns) in one transaction, and what was there into the file `before`.

        `check` is called right before the commit; with `keep` False everything is taken back instead.
        """

    @abstractmethod
    def restore(self, target: Target, before: Path, fresh: list[str], check: Callable[[], None]) -> int:
        """Write back a file `before`; rows of our own table with the keys `fresh` were not there and go."""

    def send(self, parcel: Parcel) -> Receipt:
        if parcel.sending.event == "undo":
            return self._undo(parcel)
        if parcel.run is None:
            raise Undeliverable("The scoring it was about is gone.")
        target = self.target
        with tempfile.TemporaryDirectory(prefix="einstein-write-") as folder:
            home = Path(folder)
            with _difference(self.settings, parcel.delivery, parcel.run, parcel.base, parcel.which) as difference:
                if not parcel.sending.facts.get("let_through"):
                    _hold_if_much(self.settings, difference, parcel)
                parcel.work.stage(f"Write {difference.rows.num_rows:,} rows", target.words)
                wanted = _as_written(difference.rows, target, self.settings)
                written = self.write(target, wanted, home / "before", lambda: _keep_before(parcel, home / "before"))
                ledger = difference.next_ledger(home / "ledger.parquet", written.missing)
            return self._receipt(parcel, difference, written, home / "before", ledger)

    def dry_run(self, delivery: Delivery, run: ScoringRun) -> dict[str, Any]:
        """What a run would change, with everything taken back at the end."""
        with (
            tempfile.TemporaryDirectory(prefix="einstein-dry-") as folder,
            _difference(
                self.settings, delivery, run, delivery.compared_with, Which.from_json(delivery.which)
            ) as difference,
        ):
            wanted = _as_written(difference.rows, self.target, self.settings)
            written = self.write(self.target, wanted, Path(folder) / "before", lambda: None, keep=False)
            return difference.facts() | {
                "matched": written.matched, "missing": len(written.missing), "missing_keys": sorted(written.missing)[:SHOWN_ROWS],
                "shown": _side_by_side(written.before, wanted.slice(0, SHOWN_ROWS).to_pylist(), self.target),
            }  # fmt: skip

    def _receipt(self, parcel: Parcel, difference: Difference, written: Written, before: Path, ledger: Path) -> Receipt:
        home = storage.key_for(
            parcel.workspace.id, "deliveries", parcel.delivery.id, f"{parcel.sending.id}-{parcel.work.lease}"
        )
        storage.put(ledger, f"{home}/ledger.parquet")
        fresh_key = ""
        if difference.fresh_keys and self.target.own:
            fresh_key = f"{home}/fresh.parquet"
            pq.write_table(
                pa.table({"key": pa.array(difference.fresh_keys, pa.string())}), before.parent / "fresh.parquet"
            )
            storage.put(before.parent / "fresh.parquet", fresh_key)
        kept = parcel.delivery.ledger_key
        outcome = difference.facts() | {
            "missing": len(written.missing), "missing_keys": sorted(written.missing)[:SHOWN_ROWS], "before": parcel.sending.facts["before"], "fresh": fresh_key,
            "ledger_before": kept, "ledger": f"{home}/ledger.parquet", "can_undo": difference.rows.num_rows > 0,
        }  # fmt: skip
        words = f"{written.matched:,} of {difference.rows.num_rows:,} changed rows written; {difference.unchanged:,} were as they should be."
        expected, holds = difference.rows.num_rows + difference.unchanged, written.matched + difference.unchanged

        def keep() -> None:
            now = Delivery.objects.select_for_update().get(id=parcel.delivery.id)
            same = all(
                now.settings.get(name) == parcel.delivery.settings.get(name)
                for name in ("host", "port", "database", "target")
            )
            if same:  # otherwise somebody pointed it elsewhere while we wrote
                Delivery.objects.filter(id=now.id).update(ledger_key=f"{home}/ledger.parquet")
            # Only the newest write can be taken back; the one before needs its files no longer.
            Sending.objects.filter(destination_id=parcel.delivery.id, state="arrived", outcome__can_undo=True).exclude(
                id=parcel.sending.id
            ).update(outcome={})

        return Receipt(expected, holds, words, outcome, keep)

    def _undo(self, parcel: Parcel) -> Receipt:
        with parcel.work.fenced():
            undone = Sending.objects.get(id=parcel.sending.facts["undoes"])
        facts = undone.outcome
        if not facts.get("can_undo"):
            raise Undeliverable("Newer scores were written since; only the last run can be undone.")
        with ExitStack() as open_files:
            before = open_files.enter_context(storage.local_copy(facts["before"]))
            fresh = (
                pq.read_table(open_files.enter_context(storage.local_copy(facts["fresh"]))).column("key").to_pylist()
                if facts["fresh"]
                else []
            )
            rows = self.restore(self.target, before, fresh, parcel.work.check)

        def keep() -> None:
            Sending.objects.filter(id=undone.id).update(outcome=facts | {"can_undo": False, "undone": True})
            Delivery.objects.filter(id=parcel.delivery.id).update(
                ledger_key=facts["ledger_before"], state="paused", paused_because="The last run was undone."
            )

        return Receipt(rows, rows, f"{rows:,} rows are as they were before.", {}, keep)


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
            "known": self.known, "of": self.rows.num_rows + self.unchanged,
        }  # fmt: skip


@contextmanager
def _difference(
    settings: dict[str, Any], delivery: Delivery, run: ScoringRun, base: ScoringRun | None, which: Which
) -> Iterator[Difference]:
    """A run's records against the ledger. A row also counts as changed when it would expire before it is half renewed."""
    expires = run.as_of + timedelta(days=_expires_days(settings))
    renew = (
        run.as_of + timedelta(days=_expires_days(settings)) / 2
        if "expires_at" in settings.get("target", {}).get("columns", {})
        else None
    )
    with ExitStack() as open_files, selected(run, base, which) as relation, duckdb.connect() as database:
        now = relation.project("key, value AS score, band, predicted, words AS reasons").to_arrow_table()
        database.register("now", now)
        ledger = open_files.enter_context(storage.local_copy(delivery.ledger_key)) if delivery.ledger_key else None
        database.register("empty", LEDGER.empty_table())
        database.execute(f"CREATE VIEW ledger AS SELECT * FROM {_file(ledger)}")
        joined = (
            "SELECT now.key, now.score, now.band, now.predicted, now.reasons, ledger.key IS NULL AS fresh, ledger.score AS before, ledger.band AS before_band, "
            "(ledger.key IS NULL OR ledger.score <> now.score OR ledger.band <> now.band OR ledger.predicted IS DISTINCT FROM now.predicted "
            "OR ledger.reasons IS DISTINCT FROM now.reasons OR ledger.model_version <> $version OR coalesce(ledger.expires_at < $renew, false)) AS differs "
            "FROM now LEFT JOIN ledger USING (key)"
        )
        database.execute("SET TimeZone = 'UTC'")
        database.execute(f"CREATE TABLE joined AS {joined}", {"version": run.version.number, "renew": renew})
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
                f"SELECT {names} FROM written WHERE key NOT IN (SELECT key FROM missing)) TO {_literal(path)} (FORMAT parquet, COMPRESSION zstd)"
            )
            return path

        fresh = rows.filter(rows.column("fresh")).column("key").to_pylist()
        yield Difference(rows, unchanged, known, changed_band, fresh, next_ledger)


def _keep_before(parcel: Parcel, before: Path) -> None:
    """Right before the commit: store what was there, for an undo. A second attempt after a commit must not take our own values for it."""
    parcel.work.check()
    if "before" in parcel.sending.facts:
        return
    key = storage.key_for(parcel.workspace.id, "deliveries", parcel.delivery.id, f"{parcel.sending.id}-before")
    storage.put(before, key)
    with parcel.work.fenced():
        parcel.sending.facts["before"] = key
        parcel.sending.save(update_fields=["facts"])


def _hold_if_much(settings: dict[str, Any], difference: Difference, parcel: Parcel) -> None:
    """Ask first when many rows would change band at once: that is more often a fault upstream than news."""
    limit = int(settings.get("hold_percent") or 0)
    if not limit or not difference.known or 100 * difference.changed_band <= limit * difference.known:
        return
    share = 100 * difference.changed_band / difference.known
    raise Held(
        f"{difference.changed_band:,} of {difference.known:,} rows ({share:.0f}%) would change band; you asked to hold from {limit}% on.",
        difference.facts() | {"shown": _moved(difference.rows)},
    )


def _moved(rows: pa.Table) -> list[dict[str, Any]]:
    """The first rows that change band."""
    chosen = "NOT fresh AND before_band <> band ORDER BY abs(score - before) DESC"
    return _asked(
        f"SELECT key, before, before_band, score, band FROM rows WHERE {chosen} LIMIT {SHOWN_ROWS}", rows
    ).to_pylist()


def _as_written(rows: pa.Table, target: Target, settings: dict[str, Any]) -> pa.Table:
    """The rows as the target wants them, every value as text: the key, then the columns in order."""
    text = settings.get("text", "")
    expressions = {
        "score": "CAST(score AS VARCHAR)", "percent": "CAST(round(score * 100, 1) AS VARCHAR)", "band": "upper(band[1]) || band[2:]", "predicted": "predicted",
        "reasons": "reasons", "as_of": "strftime(as_of AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')", "model_version": "CAST(model_version AS VARCHAR)",
        "expires_at": "strftime(expires_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')", "text": _literal(text),
    }  # fmt: skip
    columns = ", ".join(f"{expressions[value]} AS c{place}" for place, value in enumerate(target.columns))
    found = _asked(f"SELECT key, {columns} FROM rows", rows)
    return found.rename_columns([target.key, *target.columns.values()])


def _side_by_side(
    before: list[dict[str, str | None]], after: list[dict[str, str | None]], target: Target
) -> list[dict[str, Any]]:
    known = {row[target.key]: row for row in before}
    return [
        {
            "key": row[target.key],
            "cells": [(known.get(row[target.key], {}).get(name), row[name]) for name in target.columns.values()],
        }
        for row in after
    ]


def _expires_days(settings: dict[str, Any]) -> int:
    return int(settings.get("expires_days") or EXPIRES_DAYS)


def _file(path: Path | None) -> str:
    return f"read_parquet({_literal(path)})" if path is not None else "empty"


def _literal(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def _asked(sql: str, rows: pa.Table) -> pa.Table:
    """A query over `rows`."""
    with duckdb.connect() as database:
        database.register("rows", rows)
        return database.sql(sql).to_arrow_table()
