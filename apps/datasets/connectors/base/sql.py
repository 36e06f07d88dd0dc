"""What all SQL databases share: tables, views or one guarded query, read in a read-only session, streamed into Parquet of strings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import sqlalchemy as sa
import sqlglot
from sqlalchemy.exc import SQLAlchemyError
from sqlglot import exp
from sqlglot.errors import SqlglotError

from apps.datasets.connectors.base import (
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
from apps.datasets.connectors.base.rows import READ_SECONDS, Boundary, as_text, blank_is_null, write_batches
from einstein.ml.reader.rows import ReadReport
from einstein.ml.reader.table import usable_names

PREVIEW_SECONDS = 20
FETCHED = 5000
MOST_CHOICES = 2000
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

    def columns_of(self, schema: str, table: str) -> list[tuple[str, str]]:
        """(name, type in the database's words) of a table's columns."""
        with self.session() as connection:
            found = sa.inspect(connection).get_columns(table, schema or None)
        return [(column["name"], str(column["type"])) for column in found]

    def words_of(self, pick: dict[str, Any]) -> str:
        return "your query" if pick.get("query") else ".".join(filter(None, [pick.get("schema"), pick.get("table")]))

    def read(
        self, pick: dict[str, Any], since: Since | None, position: dict[str, Any], folder: Path, tell: Tell
    ) -> Reading:
        target, origin = folder / "table.parquet", f"{self.words_of(pick)} in {self.place}"
        with self.session(READ_SECONDS) as connection:
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
        with self.session(READ_SECONDS) as connection:
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
                texts = [pa.array([as_text(value) for value in column], pa.string()) for column in columns]
                yield blank_is_null(pa.record_batch(texts, schema))

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
