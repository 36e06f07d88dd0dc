"""MySQL and MariaDB."""

from __future__ import annotations

import select
import ssl
from typing import Any

import pymysql
import sqlalchemy as sa

from apps.datasets.connectors.base import Setting, SourceProblem
from apps.datasets.connectors.base.sql import SqlConnector, connection_of
from einstein.outbound.addresses import connect, unreachable_words

GREETING_SECONDS = 10
UNKNOWN_DATABASE, ACCESS_DENIED, NO_RIGHT, TIMED_OUT = {1044, 1049}, 1045, 1142, {3024, 1969}


class MySQL(SqlConnector):
    kind, title, icon, order = "mysql", "MySQL or MariaDB", "database", 20
    words = "Tables, views or a query of a MySQL or MariaDB database"
    dialect, port = "mysql", 3306
    settings_asked = (
        *connection_of(3306),
        Setting("tls", "Encryption", kind="choice", default="require", address=True,
                choices=(("require", "Encrypted"), ("verify-full", "Encrypted, certificate checked"), ("none", "Not encrypted"))),
    )  # fmt: skip

    def engine(self) -> sa.Engine:
        return sa.create_engine("mysql+pymysql://", creator=lambda: self._connect(), poolclass=sa.NullPool)

    def _connect(self, read_seconds: int = 120) -> Any:
        """The driver is handed a socket to the checked address; the name stays for the certificate."""
        host, port = str(self.settings["host"]), int(self.settings.get("port") or self.port)
        made = pymysql.connect(
            host=host, port=port, database=self.settings["database"], user=self.settings["user"], password=self.secret.get("password") or "",
            ssl=self._tls(), charset="utf8mb4", read_timeout=read_seconds, write_timeout=30, defer_connect=True, local_infile=False,
        )  # fmt: skip
        channel = connect(host, port)
        # The server speaks first; one that stays silent must not hold the worker until the read time-out.
        if not select.select([channel], [], [], GREETING_SECONDS)[0]:
            channel.close()
            raise SourceProblem(f"{host}, port {port}, takes the connection but does not speak like MySQL.")
        channel.settimeout(None)
        made.connect(channel)
        return made

    def _tls(self) -> ssl.SSLContext | None:
        wanted = self.settings.get("tls") or "require"
        if wanted == "none":
            return None
        context = ssl.create_default_context()
        if wanted == "require":
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def make_read_only(self, connection: sa.Connection, seconds: int) -> None:
        if connection.dialect.is_mariadb:
            connection.exec_driver_sql(f"SET SESSION max_statement_time = {seconds}")
        else:
            connection.exec_driver_sql(f"SET SESSION max_execution_time = {seconds * 1000}")
        connection.exec_driver_sql("SET SESSION net_write_timeout = 600")
        connection.exec_driver_sql("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.rollback()
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def quote(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def literal(self, connection: sa.Connection, value: str) -> str:
        return connection.connection.dbapi_connection.literal(value)

    def explain(self, error: Exception) -> str:
        number, text = (error.args[0], str(error.args[-1])) if error.args else (0, str(error))
        host, port = str(self.settings.get("host")), int(self.settings.get("port") or self.port)
        if number == ACCESS_DENIED:
            return f"The database refuses the password of {self.settings.get('user')}."
        if number in UNKNOWN_DATABASE:
            return f"There is no database {self.settings.get('database')} on {host}, or {self.settings.get('user')} may not see it."
        if number == NO_RIGHT:
            return f"{self.settings.get('user')} may not read that: {text[:160]}"
        if number in TIMED_OUT:
            return "The database was not done in time. Pick fewer records by a query, or ask for an index."
        if "SSL" in text and "support" in text:
            return f"{host} does not offer encryption. Ask for it there, or choose Not encrypted."
        if number in {2003, 2013, 2006}:
            return unreachable_words(host, port, error)
        return f"The database says: {text[:240]}"


CONNECTOR = MySQL
