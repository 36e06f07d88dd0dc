"""PostgreSQL and what speaks its protocol. Rows come by COPY in its text format, which Arrow's CSV reader takes apart in parallel."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pyarrow as pa
import sqlalchemy as sa
from psycopg import sql as pgsql
from psycopg.conninfo import make_conninfo

from apps.datasets.connectors.base import Setting, SourceProblem, Tell
from apps.datasets.connectors.base.rows import READ_SECONDS, Boundary, write_batches
from apps.datasets.connectors.base.sql import SqlConnector, connection_of
from apps.datasets.connectors.postgresql.copy import Copy, CopyByConnection, CopyByPsql
from einstein.ml.reader.rows import ReadReport
from einstein.ml.reader.table import usable_names
from einstein.outbound.addresses import checked_address, unreachable_words

HIDDEN = ("information_schema", "pg_catalog", "pg_toast")


class PostgreSQL(SqlConnector):
    kind, title, icon, order = "postgresql", "PostgreSQL", "database", 10
    words = "Tables, views or a query of a PostgreSQL database"
    dialect, port = "postgres", 5432
    settings_asked = (
        *connection_of(5432),
        Setting("tls", "Encryption", kind="choice", default="require", address=True,
                choices=(("require", "Encrypted"), ("verify-full", "Encrypted, certificate checked"), ("prefer", "Encrypted if the server can"))),
    )  # fmt: skip

    def address(self) -> str:
        """The connection string, bound to the address that was checked; the name stays for the certificate."""
        host, port = str(self.settings["host"]), int(self.settings.get("port") or self.port)
        return make_conninfo(
            host=host, hostaddr=checked_address(host, port), port=port, dbname=self.settings["database"], user=self.settings["user"],
            password=self.secret.get("password") or "", sslmode=self.settings.get("tls") or "require", connect_timeout=10,
            application_name="einstein", gssencmode="disable", keepalives_idle=30, keepalives_interval=10, keepalives_count=3, tcp_user_timeout=60000,
            **({"sslrootcert": "system"} if self.settings.get("tls") == "verify-full" else {}),
        )  # fmt: skip

    def engine(self) -> sa.Engine:
        return sa.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(self.address()), poolclass=sa.NullPool
        )

    def make_read_only(self, connection: sa.Connection, seconds: int) -> None:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{seconds}s'")
        connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")

    def schemas(self, inspector: sa.Inspector) -> list[str | None]:
        return [name for name in inspector.get_schema_names() if not name.startswith(HIDDEN)]

    def stream(
        self, connection: sa.Connection, sql: str, target: Path, tell: Tell, boundary: Boundary | None = None
    ) -> ReadReport:
        """The fast lane: COPY, which costs the server less than a query.

        psql reads a moment later than the connection at hand: what changed in between lies at or after the newest cursor and is read again.
        """
        shown = connection.exec_driver_sql(f"SELECT * FROM ({sql}) einstein_rows LIMIT 0")
        names, notes = usable_names(list(shown.keys()))
        schema = pa.schema([(name, pa.string()) for name in names])
        try:
            with self._copy(connection, sql) as lines:
                return write_batches(lines.batches(schema), schema, target, notes, tell, boundary)
        except psycopg.Error as error:
            raise SourceProblem(self.explain(error)) from error
        except pa.ArrowInvalid as error:
            raise SourceProblem("The table was altered while it was read. It is read again soon.") from error

    def _copy(self, connection: sa.Connection, sql: str) -> Copy:
        address = self.address()
        if CopyByPsql.can(address, sql):
            return CopyByPsql(address, sql, READ_SECONDS)
        return CopyByConnection(connection.connection.dbapi_connection, sql)

    def as_string(self, expression: str) -> str:
        return f"{expression}::text"

    def literal(self, connection: sa.Connection, value: str) -> str:
        return pgsql.Literal(value).as_string(None)

    def quote(self, name: str) -> str:
        return pgsql.Identifier(name).as_string(None)

    def explain(self, error: Exception) -> str:
        text = " ".join(str(error).split())
        host, port = str(self.settings.get("host")), int(self.settings.get("port") or self.port)
        if "password authentication failed" in text or "no password supplied" in text:
            return f"The database refuses the password of {self.settings.get('user')}."
        if "does not exist" in text and "database" in text:
            return f"There is no database {self.settings.get('database')} on {host}."
        if "Connection refused" in text:
            return unreachable_words(host, port, ConnectionRefusedError())
        if "timeout expired" in text:
            return unreachable_words(host, port, TimeoutError())
        if "server does not support SSL" in text:
            return f"{host} does not offer encryption. Ask for it there, or choose Encrypted if the server can."
        if "statement timeout" in text:
            return "The database was not done in time. Pick fewer records by a query, or ask for an index."
        if "permission denied" in text:
            return f"{self.settings.get('user')} may not read that: {text[:160]}"
        return f"The database says: {text[:240]}"


CONNECTOR = PostgreSQL
