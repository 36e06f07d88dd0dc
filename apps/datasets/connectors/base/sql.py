"""What all SQL databases share: tables, views or one guarded query, read in a read-only session, streamed into Parquet of strings."""

from __future__ import annotations

import hashlib
import json
import time
from abc import abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa
import sqlglot
from sqlalchemy.exc import SQLAlchemyError
from sqlglot import exp
from sqlglot.errors import SqlglotError

from apps.datasets.connectors.base import (
    MOST_BYTES,
    MOST_ROWS,
    PREVIEW_ROWS,
    Choice,
    Connector,
    Preview,
    Reading,
    Setting,
    Since,
    SourceProblem,
    Tell,
)
from einstein.ml.errors import DataProblem
from einstein.ml.reader.rows import ReadReport
from einstein.ml.reader.table import usable_names

STATEMENT_SECONDS = 3600
PREVIEW_SECONDS = 20
FETCHED = 5000
MOST_CHOICES = 2000
MOST_MARKS = 1000
# Anything that writes, locks or calls out has no place in a query that is only to be read.
FORBIDDEN = (
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.Command,
    exp.Into,
    exp.Lock,
)

CONNECTION = (
    Setting("host", "Host", "The server's name, such as db.example.com", address=True),
    Setting("port", "Port", kind="number", address=True),
    Setting("database", "Database"),
    Setting("user", "User"),
    Setting("password", "Password", secret=True, kind="password", required=False),
)


def connection_of(port: int) -> tuple[Setting, ...]:
    """The questions about a database whose servers usually listen on `port`."""
    return tuple(replace(setting, default=str(port)) if setting.name == "port" else setting for setting in CONNECTION)


class SqlConnector(Connector):
    """A database reached through SQLAlchemy. A dialect says how to connect and how to make the session read-only."""

    dialect: ClassVar[str]  # sqlglot's name
    port: ClassVar[int]
    knows_changes = takes_query = True

    @property
    def place(self) -> str:
        return f"{self.settings.get('database', '')} on {self.settings.get('host', '')}"

    @abstractmethod
    def engine(self) -> sa.Engine:
        """An engine whose connections go to the checked address."""

    @abstractmethod
    def make_read_only(self, connection: sa.Connection, seconds: int) -> None:
        """Begin a transaction that cannot write and statements that end after `seconds`."""

    @abstractmethod
    def explain(self, error: Exception) -> str:
        """The database's own words for a failure, in plain ones."""

    @contextmanager
    def session(self, seconds: int = PREVIEW_SECONDS) -> Iterator[sa.Connection]:
        """A read-only connection; what the driver raises becomes a `SourceProblem`."""
        engine = self.engine()
        try:
            # Without parameters a % in the user's query is a % and nothing else.
            with engine.connect().execution_options(no_parameters=True) as connection:
                self.make_read_only(connection, seconds)
                yield connection
        except SQLAlchemyError as error:
            raise SourceProblem(self.explain(getattr(error, "orig", None) or error)) from error
        except UnicodeError as error:
            raise SourceProblem(
                "The user, password or database holds a character that cannot be sent. Copy it again."
            ) from error
        finally:
            engine.dispose()

    def test(self) -> str:
        with self.session() as connection:
            count = len(self._names(connection))
        return f"It works: {count:,} {'tables and views' if count != 1 else 'table or view'} can be read."

    def choices(self) -> list[Choice]:
        with self.session() as connection:
            names = self._names(connection)
        return [
            Choice({"schema": schema, "table": name}, f"{schema}.{name}" if schema else name, kind)
            for schema, name, kind in names[:MOST_CHOICES]
        ]

    def preview(self, pick: dict[str, Any]) -> Preview:
        with self.session() as connection:
            sql = self.select(connection, pick)
            result = connection.exec_driver_sql(self._limited(sql))
            header = list(result.keys())
            rows = [[as_text(value) for value in row] for row in result.fetchmany(PREVIEW_ROWS)]
            cursors, keys = self._hints(connection, pick)
        names, _ = usable_names(header)
        return Preview(names, rows, cursors, keys)

    def words_of(self, pick: dict[str, Any]) -> str:
        return "your query" if pick.get("query") else ".".join(filter(None, [pick.get("schema"), pick.get("table")]))

    def read(
        self, pick: dict[str, Any], since: Since | None, position: dict[str, Any], folder: Path, tell: Tell
    ) -> Reading:
        target, origin = folder / "table.parquet", f"{self.words_of(pick)} in {self.place}"
        with self.session(STATEMENT_SECONDS) as connection:
            sql = self.select(connection, pick)
            if since is None:
                return Reading(target, self.stream(connection, sql, target, tell), origin)
            name = self.quote(since.cursor_field)
            newest, total = connection.exec_driver_sql(
                f"SELECT {self.as_string(f'MAX({name})')}, COUNT(*) FROM ({sql}) einstein_rows"
            ).one()
            # The last moment is read again, so that records which came within it are not missed.
            where = f" WHERE {name} >= {self.literal(connection, since.cursor)}" if since.cursor is not None else ""
            boundary = Boundary(since, as_text(newest))
            report = self.stream(connection, f"SELECT * FROM ({sql}) einstein_rows{where}", target, tell, boundary)
        return Reading(
            target, report, origin, boundary.position(), changes_only=bool(where), fresh=since.known is not None, total=total,
            keys=lambda path: self._keys(pick, since.key_field, path, tell),
        )  # fmt: skip

    def _keys(self, pick: dict[str, Any], key_field: str, path: Path, tell: Tell) -> None:
        with self.session(STATEMENT_SECONDS) as connection:
            sql = self.select(connection, pick)
            self.stream(connection, f"SELECT {self.quote(key_field)} FROM ({sql}) einstein_rows", path, tell)

    def select(self, connection: sa.Connection, pick: dict[str, Any]) -> str:
        """The query of a pick: a table that exists, or the user's query once it is known to only read."""
        if pick.get("query"):
            return guarded(pick["query"], self.dialect)
        wanted = (pick.get("schema") or None, pick.get("table"))
        if wanted not in {(schema, name) for schema, name, _ in self._names(connection)}:
            raise SourceProblem(f"There is no table {self.words_of(pick)} in {self.place} any more. Pick another.")
        quote = connection.dialect.identifier_preparer.quote_identifier
        return f"SELECT * FROM {'.'.join(quote(part) for part in wanted if part)}"

    def stream(
        self, connection: sa.Connection, sql: str, target: Path, tell: Tell, boundary: Boundary | None = None
    ) -> ReadReport:
        """Run a query and write its rows as strings, a batch at a time."""
        result = connection.execution_options(stream_results=True, max_row_buffer=FETCHED).exec_driver_sql(sql)
        names, notes = usable_names(list(result.keys()))
        schema = pa.schema([(name, pa.string()) for name in names])

        def batches() -> Iterator[pa.RecordBatch]:
            while rows := result.fetchmany(FETCHED):
                columns = zip(*rows, strict=True)
                yield pa.record_batch(
                    [pa.array([as_text(value) for value in column], pa.string()) for column in columns], schema
                )

        return write_batches(batches(), schema, target, notes, tell, boundary)

    def _names(self, connection: sa.Connection) -> list[tuple[str | None, str, str]]:
        """(schema, name, "table" or "view") of everything this user can see."""
        found: list[tuple[str | None, str, str]] = []
        inspector = sa.inspect(connection)
        for schema in self.schemas(inspector):
            found += [(schema, name, "table") for name in inspector.get_table_names(schema)]
            found += [(schema, name, "view") for name in inspector.get_view_names(schema)]
        return sorted(found, key=lambda entry: (entry[0] or "", entry[1]))

    def schemas(self, inspector: sa.Inspector) -> list[str | None]:
        return [None]

    def _hints(self, connection: sa.Connection, pick: dict[str, Any]) -> tuple[list[str], list[str]]:
        """Fields that can tell what changed (times and growing numbers), and the primary key of one field."""
        if pick.get("query"):
            return [], []
        inspector = sa.inspect(connection)
        columns = inspector.get_columns(pick["table"], pick.get("schema") or None)
        keys = inspector.get_pk_constraint(pick["table"], pick.get("schema") or None).get("constrained_columns") or []
        times = [c["name"] for c in columns if isinstance(c["type"], sa.DateTime)]
        numbers = [c["name"] for c in columns if isinstance(c["type"], sa.Integer) and c["name"] not in keys]
        return times + numbers, list(keys) if len(keys) == 1 else []

    def literal(self, connection: sa.Connection, value: str) -> str:
        """A text value as a literal of this dialect; it came from the database itself and is quoted all the same."""
        return str(sa.literal(value).compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))

    def as_string(self, expression: str) -> str:
        """An expression as the text that `stream` would write for it."""
        return expression

    @abstractmethod
    def quote(self, name: str) -> str:
        """A name as an identifier of this dialect."""

    def _limited(self, sql: str) -> str:
        return f"SELECT * FROM ({sql}) einstein_rows LIMIT {PREVIEW_ROWS}"


def guarded(query: str, dialect: str) -> str:
    """The query when it is one SELECT that only reads; raises `SourceProblem` saying what is in the way."""
    try:
        statements = [found for found in sqlglot.parse(query, dialect=dialect) if found is not None]
    except SqlglotError as error:
        first = str(error).splitlines()[0]
        raise SourceProblem(f"The query cannot be read: {first[:200]}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise SourceProblem("The query must be one SELECT. It may not change anything or hold several statements.")
    for node in statements[0].walk():
        if isinstance(node, FORBIDDEN):
            raise SourceProblem(f"The query may only read; {node.key.upper()} is not allowed in it.")
    if not statements[0].selects:
        raise SourceProblem("The query names no field to read.")
    return query.strip().rstrip(";").strip() + "\n"  # a last comment ends with its line, not with our bracket


class Boundary:
    """The records at the last moment of a reading. The next reading begins there again and passes over those that are as they were."""

    def __init__(self, since: Since, newest: str | None) -> None:
        self.since, self.newest = since, newest
        self.marks: dict[str, str] | None = {}

    def pass_on(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch without records known from the last time; notes those that the next time must know."""
        cursor = batch.column(self.since.cursor_field) if self.since.cursor_field in batch.schema.names else None
        if cursor is None or self.since.key_field not in batch.schema.names:
            self.marks = None
            return batch
        if self.newest is not None and self.marks is not None:
            self._note(batch.filter(pc.fill_null(pc.equal(cursor, self.newest), False)))
        if not self.since.known:
            return batch
        again = pc.fill_null(pc.equal(cursor, self.since.cursor), False)
        if not pc.any(again).as_py():
            return batch
        known = self.since.known
        keep = [not there or known.get(row.get(self.since.key_field) or "") != fingerprint(row)
                for there, row in zip(again.to_pylist(), batch.to_pylist(), strict=True)]  # fmt: skip
        return batch.filter(pa.array(keep))

    def _note(self, rows: pa.RecordBatch) -> None:
        if self.marks is None or len(self.marks) + rows.num_rows > MOST_MARKS:
            self.marks = None
            return
        self.marks |= {str(row[self.since.key_field]): fingerprint(row) for row in rows.to_pylist()}

    def position(self) -> dict[str, Any]:
        return {"cursor": self.newest, "known": self.marks} if self.newest is not None else {}


def fingerprint(row: dict[str, str | None]) -> str:
    """A short name of a record's content."""
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:32]


def write_batches(
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
    target: Path,
    notes: list[str],
    tell: Tell,
    boundary: Boundary | None = None,
) -> ReadReport:
    """Write batches of strings to Parquet within the limits on rows, bytes and time."""
    report = ReadReport(list(schema.names), notes=notes)
    size, deadline = 0, time.monotonic() + STATEMENT_SECONDS
    with ThreadPoolExecutor(1) as ahead:
        batch = next(batches, None)
        with pq.ParquetWriter(
            target,
            schema,
            compression="zstd",
            compression_level=1,
            write_statistics=False,
            use_dictionary=_few_values(batch),
        ) as writer:
            while batch is not None:
                coming = ahead.submit(next, batches, None)  # the next batch is on its way while this one is written
                batch = blank_is_null(batch)
                batch = boundary.pass_on(batch) if boundary else batch
                if batch.num_rows:
                    writer.write_batch(batch)
                report.rows += batch.num_rows
                size += batch.nbytes
                tell(report.rows, None)
                if report.rows > MOST_ROWS or size > MOST_BYTES:
                    raise DataProblem(
                        f"The table has more than {MOST_ROWS:,} records or 20 GB, which is the limit. Pick fewer by a query."
                    )
                if time.monotonic() > deadline:
                    raise DataProblem("The source was not done within an hour. Pick fewer records by a query.")
                batch = coming.result()
    return report


def _few_values(batch: pa.RecordBatch | None) -> list[str]:
    """Fields whose values repeat: a dictionary of the others would be built in vain."""
    if batch is None:
        return []
    some = batch.slice(0, 2000)
    return [name for name in batch.schema.names if pc.count_distinct(some.column(name)).as_py() < some.num_rows / 2]


def blank_is_null(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [_blank_is_null(column) for column in batch.columns]
    return pa.record_batch(columns, batch.schema)


def _blank_is_null(column: pa.Array) -> pa.Array:
    if pc.min(pc.binary_length(column)).as_py() != 0:
        return column
    blank = pc.equal(column, "")
    return pc.if_else(blank, None, column)


def as_text(value: Any) -> str | None:
    """A database's value as a person would write it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, date | clock):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)
