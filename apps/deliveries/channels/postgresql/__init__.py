"""Write-back into PostgreSQL: COPY into a staging table, then one statement, all in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv
from psycopg import sql

from apps.datasets.connectors.base import SourceProblem
from apps.datasets.connectors.postgresql import PostgreSQL
from apps.deliveries.channels.base.database import DatabaseChannel
from apps.deliveries.channels.base.table import SHOWN_ROWS, Target, Written

STATEMENT_SECONDS, LOCK_SECONDS = 3600, 30
BATCH = 50_000
OWN_TYPES = {"score": "double precision", "band": "text", "predicted": "text", "reasons": "text", "as_of": "timestamptz", "model_version": "integer",
             "expires_at": "timestamptz"}  # fmt: skip
STAGING, RAW_KEY = sql.Identifier("einstein_staging"), "einstein_key"


class PostgreSQLTable(DatabaseChannel):
    kind, title, icon, order = "postgresql", "PostgreSQL", "database", 10
    words = "Written into a table of yours or a new one"
    connector = PostgreSQL

    def write(
        self, target: Target, rows: pa.Table, before: Path, check: Callable[[], None], *, keep: bool = True
    ) -> Written:
        with self._writing(target) as connection:
            # The key as we have it goes along: the column's type may write it otherwise.
            self._stage(connection, target, _csv_of(rows.append_column(RAW_KEY, rows.column(0))))
            _copy_out(connection, self._before(target), before)
            shown = connection.execute(self._before(target) + sql.SQL(f" LIMIT {SHOWN_ROWS}")).fetchall()
            names = [target.key, *target.columns.values()]
            matched = connection.execute(self._upsert(target) if target.own else self._update(target)).rowcount
            missing = set()
            if not target.own:
                missing, matched = self._missing(connection, target, rows.num_rows)
            check()
            if not keep:
                connection.rollback()
        return Written(
            matched if not target.own else rows.num_rows, missing, [dict(zip(names, row, strict=True)) for row in shown]
        )

    def restore(self, target: Target, before: Path, fresh: list[str], check: Callable[[], None]) -> int:
        with self._writing(target) as connection:
            self._stage(connection, target, _pieces(before), restored=True)
            restored = connection.execute(self._update(target)).rowcount
            if fresh:
                gone = sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(_table(target), sql.Identifier(target.key))
                for start in range(0, len(fresh), BATCH):
                    restored += connection.execute(gone, [fresh[start : start + BATCH]]).rowcount
            check()
        return restored

    @contextmanager
    def _writing(self, target: Target) -> Iterator[psycopg.Connection]:
        """A transaction that commits at the end; the same target is written by one at a time."""
        source = self.source
        try:
            with psycopg.connect(source.address()) as connection:
                connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")
                connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                connection.execute("SET LOCAL TimeZone = 'UTC'")
                connection.execute("SELECT pg_advisory_xact_lock(hashtext('einstein'), hashtext(%s))", [target.words])
                if target.own:
                    connection.execute(self._make(target))
                yield connection
        except psycopg.Error as error:
            raise SourceProblem(_explained(source, target, error)) from error

    def _make(self, target: Target) -> sql.Composed:
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(OWN_TYPES[value]))
            for value, name in target.columns.items()
        ]
        return sql.SQL("CREATE TABLE IF NOT EXISTS {} ({} text PRIMARY KEY, {})").format(
            _table(target), sql.Identifier(target.key), sql.SQL(", ").join(columns)
        )

    def _stage(
        self, connection: psycopg.Connection, target: Target, pieces: Iterator[bytes], *, restored: bool = False
    ) -> None:
        """The staging table has the types of the target, so that a value that does not fit is named before anything is written."""
        names = _names(target)
        make = sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {}, NULL::text AS {} FROM {} WITH NO DATA")
        connection.execute(make.format(STAGING, names, sql.Identifier(RAW_KEY), _table(target)))
        columns = names if restored else sql.SQL("{}, {}").format(names, sql.Identifier(RAW_KEY))
        form = sql.SQL("TEXT" if restored else "CSV")
        with connection.cursor().copy(
            sql.SQL("COPY {} ({}) FROM STDIN (FORMAT {})").format(STAGING, columns, form)
        ) as copy:
            for piece in pieces:
                copy.write(piece)
        connection.execute(sql.SQL("ANALYZE {}").format(STAGING))

    def _before(self, target: Target) -> sql.Composed:
        """The rows of the target that are about to change."""
        shown = sql.SQL(", ").join(
            sql.SQL("t.{}::text").format(sql.Identifier(name)) for name in [target.key, *target.columns.values()]
        )
        key = sql.Identifier(target.key)
        return sql.SQL("SELECT {} FROM {} t JOIN {} s ON t.{} = s.{}").format(shown, _table(target), STAGING, key, key)

    def _update(self, target: Target) -> sql.Composed:
        changes = sql.SQL(", ").join(
            sql.SQL("{} = s.{}").format(sql.Identifier(name), sql.Identifier(name)) for name in target.columns.values()
        )
        key = sql.Identifier(target.key)
        return sql.SQL("UPDATE {} t SET {} FROM {} s WHERE t.{} = s.{}").format(
            _table(target), changes, STAGING, key, key
        )

    def _upsert(self, target: Target) -> sql.Composed:
        """An older write that comes late changes nothing."""
        changes = sql.SQL(", ").join(
            sql.SQL("{} = EXCLUDED.{}").format(sql.Identifier(name), sql.Identifier(name))
            for name in target.columns.values()
        )
        guard = sql.Identifier(target.guard)
        return sql.SQL(
            "INSERT INTO {} AS t ({}) SELECT {} FROM {} ON CONFLICT ({}) DO UPDATE SET {} WHERE t.{} <= EXCLUDED.{}"
        ).format(
            _table(target), _names(target), _names(target), STAGING, sql.Identifier(target.key), changes, guard, guard
        )

    def _missing(self, connection: psycopg.Connection, target: Target, staged: int) -> tuple[set[str], int]:
        """(keys that the target has no row for, how many it has)."""
        key = sql.Identifier(target.key)
        found = connection.execute(
            sql.SQL("SELECT s.{} FROM {} s WHERE NOT EXISTS (SELECT 1 FROM {} t WHERE t.{} = s.{})").format(
                sql.Identifier(RAW_KEY), STAGING, _table(target), key, key
            )
        )
        missing = {row[0] for row in found}
        return missing, staged - len(missing)


def _table(target: Target) -> sql.Identifier:
    return sql.Identifier(*([target.schema] if target.schema else []), target.table)


def _names(target: Target) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in [target.key, *target.columns.values()])


def _csv_of(rows: pa.Table) -> Iterator[bytes]:
    """Rows as CSV, a batch at a time: an empty text is quoted, a null is not."""
    options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
    for batch in rows.to_batches(BATCH):
        out = pa.BufferOutputStream()
        pacsv.write_csv(batch, out, options)
        yield out.getvalue().to_pybytes()


def _copy_out(connection: psycopg.Connection, query: sql.Composed, target: Path) -> None:
    with (
        pa.CompressedOutputStream(pa.OSFile(str(target), "wb"), "zstd") as out,
        connection.cursor().copy(sql.SQL("COPY ({}) TO STDOUT").format(query)) as copy,
    ):
        for piece in copy:
            out.write(piece)


def _pieces(path: Path) -> Iterator[bytes]:
    with pa.CompressedInputStream(pa.OSFile(str(path), "rb"), "zstd") as file:
        while piece := file.read(1 << 20):
            yield piece


def _explained(source: PostgreSQL, target: Target, error: psycopg.Error) -> str:
    """What the database said, with what mends it."""
    text = " ".join(str(error).split())
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return f"{source.settings.get('user')} may not write to {target.words}. The database says: {text[:160]}"
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return f"{target.words} has changed: {text[:160]}. Pick the table and its columns again."
    if isinstance(error, psycopg.errors.DataError):
        return f"A value does not fit its column in {target.words}: {text[:200]}. Pick another column for it."
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return f"{target.words} is locked by somebody else. It is tried again."
    return source.explain(error)


CHANNEL = PostgreSQLTable
