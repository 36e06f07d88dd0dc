"""Write-back into MySQL and MariaDB: rows into a temporary table, then one statement, all in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pymysql

from apps.datasets.connectors.base import SourceProblem
from apps.datasets.connectors.mysql import MySQL
from apps.deliveries.channels.base.database import DatabaseChannel
from apps.deliveries.channels.base.table import SHOWN_ROWS, Target, Written

BATCH, RAW_KEY = 1000, "einstein_key"
WRITE_SECONDS = 3600
LOCK_SECONDS = 30
NO_RIGHT, NO_TABLE, NO_COLUMN, BAD_VALUE, LOCKED = (
    {1142, 1044, 1143},
    1146,
    1054,
    {1366, 1292, 1264, 1406, 1265},
    {1205, 1213},
)
OWN_TYPES = {"score": "double", "band": "varchar(10)", "predicted": "varchar(220)", "reasons": "text", "as_of": "datetime(6)", "model_version": "int",
             "expires_at": "datetime(6)"}  # fmt: skip


class MySQLTable(DatabaseChannel):
    kind, title, icon, order = "mysql", "MySQL or MariaDB", "database", 20
    words = "Written into a table of yours or a new one"
    connector = MySQL

    def write(
        self, target: Target, rows: pa.Table, before: Path, check: Callable[[], None], *, keep: bool = True
    ) -> Written:
        with self._writing(target) as cursor:
            self._stage(cursor, target, rows)
            kept = self._keep_before(cursor, target, before)
            cursor.execute(self._upsert(target) if target.own else self._update(target))
            missing = set() if target.own else self._missing(cursor, target)
            check()
            if not keep:
                cursor.connection.rollback()
        return Written(rows.num_rows - len(missing), missing, kept)

    def restore(self, target: Target, before: Path, fresh: list[str], check: Callable[[], None]) -> int:
        with self._writing(target) as cursor:
            rows = pq.read_table(before)
            self._stage(cursor, target, rows)
            cursor.execute(self._update(target))
            restored = rows.num_rows
            for start in range(0, len(fresh), BATCH):
                some = fresh[start : start + BATCH]
                holes = ", ".join(["%s"] * len(some))
                gone = f"DELETE FROM {_table(target)} WHERE {_quoted(target.key)} IN ".replace("%", "%%")
                restored += cursor.execute(f"{gone}({holes})", some)
            check()
        return restored

    @contextmanager
    def _writing(self, target: Target) -> Iterator[Any]:
        """A transaction that commits at the end. A table of our own is made before it, because making one ends a transaction."""
        source = self.source
        try:
            connection = source._connect(WRITE_SECONDS)
            try:
                cursor = connection.cursor()
                cursor.execute(
                    "SET SESSION time_zone = '+00:00', SESSION innodb_lock_wait_timeout = %s", [LOCK_SECONDS]
                )
                cursor.execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
                if target.own:
                    cursor.execute(self._make(target))
                self._refuse_without_transactions(cursor, target)
                connection.begin()
                yield cursor
                connection.commit()
            finally:
                connection.close()
        except pymysql.MySQLError as error:
            raise SourceProblem(_explained(source, target, error)) from error

    @staticmethod
    def _refuse_without_transactions(cursor: Any, target: Target) -> None:
        """MyISAM and its kin keep what was written half: neither all-or-nothing nor trying out would be true there."""
        cursor.execute("SELECT engine FROM information_schema.tables WHERE table_schema = coalesce(%s, database()) AND table_name = %s",
                       [target.schema or None, target.table])  # fmt: skip
        found = cursor.fetchone()
        if found and found[0] and found[0].lower() != "innodb":
            raise SourceProblem(
                f"{target.words} is kept by {found[0]}, which knows no transactions, so a broken write would stay half done. Change it to InnoDB."
            )

    def _make(self, target: Target) -> str:
        columns = ", ".join(f"{_quoted(name)} {OWN_TYPES[value]}" for value, name in target.columns.items())
        return f"CREATE TABLE IF NOT EXISTS {_table(target)} ({_quoted(target.key)} varchar(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY, {columns}) ENGINE=InnoDB"

    def _stage(self, cursor: Any, target: Target, rows: pa.Table) -> None:
        """The staging table has the types of the target, so that a value that does not fit is named before anything is written."""
        # The key as we have it goes along: the column's type may write it otherwise.
        declared = (
            f"{RAW_KEY} varchar(300) CHARACTER SET utf8mb4, INDEX ({_quoted(target.key)}{self._prefix(cursor, target)})"
        )
        cursor.execute(
            f"CREATE TEMPORARY TABLE einstein_staging ({declared}) ENGINE=InnoDB AS SELECT {_names(target)} FROM {_table(target)} LIMIT 0"
        )
        insert = f"INSERT INTO einstein_staging ({RAW_KEY}, {_names(target)}) VALUES ".replace("%", "%%")
        insert += f"({', '.join(['%s'] * (2 + len(target.columns)))})"
        for batch in rows.to_batches(BATCH):
            columns = [column.to_pylist() for column in batch.columns]
            cursor.executemany(insert, list(zip(columns[0], *columns, strict=True)))

    @staticmethod
    def _prefix(cursor: Any, target: Target) -> str:
        """A key column of the type text can only be indexed by its beginning."""
        cursor.execute("SELECT data_type FROM information_schema.columns WHERE table_schema = coalesce(%s, database()) AND table_name = %s AND column_name = %s",
                       [target.schema or None, target.table, target.key])  # fmt: skip
        found = cursor.fetchone()
        return "(191)" if found and "text" in found[0].lower() else ""

    def _keep_before(self, cursor: Any, target: Target, before: Path) -> list[dict[str, str | None]]:
        """Write what the target holds now into a file; return the first rows of it."""
        names = [target.key, *target.columns.values()]
        shown = ", ".join(f"CAST(t.{_quoted(name)} AS CHAR)" for name in names)
        key = _quoted(target.key)
        cursor.execute(f"SELECT {shown} FROM {_table(target)} t JOIN einstein_staging s ON t.{key} = s.{key}")
        schema = pa.schema([(name, pa.string()) for name in names])
        first: list[dict[str, str | None]] = []
        with pq.ParquetWriter(before, schema, compression="zstd") as writer:
            while found := cursor.fetchmany(10_000):
                batch = pa.record_batch([pa.array(column, pa.string()) for column in zip(*found, strict=True)], schema)
                writer.write_batch(batch)
                first = first or batch.slice(0, SHOWN_ROWS).to_pylist()
        return first

    def _update(self, target: Target) -> str:
        changes = ", ".join(f"t.{_quoted(name)} = s.{_quoted(name)}" for name in target.columns.values())
        key = _quoted(target.key)
        return f"UPDATE {_table(target)} t JOIN einstein_staging s ON t.{key} = s.{key} SET {changes}"

    def _upsert(self, target: Target) -> str:
        """An older write that comes late changes nothing; the guarding time is set last, after all that look at it."""
        held = {name: f"{_table(target)}.{_quoted(name)}" for name in target.columns.values()}
        newer = f"{held[target.guard]} <= VALUES({_quoted(target.guard)})"
        changes = ", ".join(
            f"{held[name]} = IF({newer}, VALUES({_quoted(name)}), {held[name]})"
            for name in sorted(held, key=lambda name: name == target.guard)
        )
        return f"INSERT INTO {_table(target)} ({_names(target)}) SELECT {_names(target)} FROM einstein_staging ON DUPLICATE KEY UPDATE {changes}"

    def _missing(self, cursor: Any, target: Target) -> set[str]:
        key = _quoted(target.key)
        cursor.execute(
            f"SELECT s.{RAW_KEY} FROM einstein_staging s WHERE NOT EXISTS (SELECT 1 FROM {_table(target)} t WHERE t.{key} = s.{key})"
        )
        return {row[0] for row in cursor.fetchall()}


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _table(target: Target) -> str:
    return ".".join(_quoted(part) for part in (target.schema, target.table) if part)


def _names(target: Target) -> str:
    return ", ".join(_quoted(name) for name in [target.key, *target.columns.values()])


def _explained(source: MySQL, target: Target, error: Exception) -> str:
    number, text = (error.args[0], str(error.args[-1])) if error.args else (0, str(error))
    if number in NO_RIGHT:
        return f"{source.settings.get('user')} may not write to {target.words}. The database says: {text[:160]}"
    if number in {NO_TABLE, NO_COLUMN}:
        return f"{target.words} has changed: {text[:160]}. Pick the table and its columns again."
    if number in BAD_VALUE:
        return f"A value does not fit its column in {target.words}: {text[:200]}. Pick another column for it."
    if number in LOCKED:
        return f"{target.words} is locked by somebody else. It is tried again."
    return source.explain(error)


CHANNEL = MySQLTable
