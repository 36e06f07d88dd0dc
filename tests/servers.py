"""Other people's servers, for real: a second PostgreSQL over TCP, MariaDB, an S3-compatible store, SFTP, and a web server."""

from __future__ import annotations

import asyncio
import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
import psycopg
import pymysql
from aiosmtpd.controller import Controller
from psycopg.conninfo import make_conninfo

from einstein.postgres.embedded import DATABASE, OWNER, EmbeddedServer

PASSWORD = "a reader's password"
POLL_SECONDS = 0.05  # after which a server notices that it is to stop


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class OtherPostgres(EmbeddedServer):
    """A customer's PostgreSQL on a TCP port, with a user that may only read."""

    def __init__(self, var: Path) -> None:
        super().__init__(var)
        self.port = free_port()

    def _launch(self) -> None:
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        options = f'-h 127.0.0.1 -p {self.port} -k "{self.socket_dir}" -c shared_buffers=64MB -c fsync=off'
        self._pg(
            "pg_ctl",
            "-D",
            str(self.data),
            "-l",
            str(self.data / "server.log"),
            "-o",
            options,
            "-w",
            "-t",
            "60",
            "start",
        )

    def _superuser(self, passwords: dict[str, str], database: str) -> psycopg.Connection:
        return psycopg.connect(self.address("postgres", passwords["postgres"], database), autocommit=True)

    def address(self, user: str, password: str, database: str = DATABASE) -> str:
        return make_conninfo(host="127.0.0.1", port=self.port, user=user, password=password, dbname=database)

    def start_fresh(self) -> OtherPostgres:
        if self.is_running():  # left over from a test process that was killed, on another port
            self._pg("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")
        self.start()
        self.owner = self.address(OWNER, self._passwords()[OWNER])
        self.admin = self.address("postgres", self._passwords()["postgres"])
        with self._superuser(self._passwords(), DATABASE) as connection:
            connection.execute("DROP SCHEMA IF EXISTS public CASCADE")
            connection.execute(f"CREATE SCHEMA public AUTHORIZATION {OWNER}")
            for role in ("reader", "writer"):
                if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                    connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'a reader''s password'")
            connection.execute("GRANT USAGE ON SCHEMA public TO reader, writer")
            connection.execute("GRANT CREATE ON SCHEMA public TO writer")
            connection.execute(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public GRANT SELECT, UPDATE ON TABLES TO writer"
            )
            connection.execute(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public GRANT SELECT ON TABLES TO reader"
            )
        return self

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.owner, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    @property
    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "database": DATABASE, "user": "reader", "tls": "prefer"}


class MariaDB:
    """A customer's MariaDB."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()

    def start(self) -> MariaDB:
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        socket_path = Path("/tmp") / f"einstein-mariadb-{self.port}.sock"
        common = ["--no-defaults", f"--datadir={self.home}/data"]
        user = ["--user=root"] if os.geteuid() == 0 else []
        subprocess.run(["/usr/bin/mariadb-install-db", *common, *user, "--auth-root-authentication-method=normal", "--skip-test-db"],
                       check=True, capture_output=True)  # fmt: skip
        self.process = subprocess.Popen(
            ["/usr/sbin/mariadbd", *common, *user, f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={socket_path}",
             "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                self.root = {"unix_socket": str(socket_path), "user": "root", "autocommit": True}
                pymysql.connect(**self.root).close()
                break
            except pymysql.OperationalError:
                assert time.monotonic() < deadline, "MariaDB did not start"
                time.sleep(0.2)
        self.run(
            "CREATE DATABASE crm",
            f'CREATE USER reader@"127.0.0.1" IDENTIFIED BY "{PASSWORD}"',
            'GRANT SELECT ON crm.* TO reader@"127.0.0.1"',
            f'CREATE USER writer@"127.0.0.1" IDENTIFIED BY "{PASSWORD}"',
            'GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES, INDEX ON crm.* TO writer@"127.0.0.1"',
        )
        return self

    def run(self, *statements: str, rows: list[tuple] | None = None) -> None:
        with pymysql.connect(**self.root) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            for statement in statements:
                if rows is not None:
                    cursor.executemany(statement, rows)
                else:
                    cursor.execute(statement)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    @property
    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "database": "crm", "user": "reader", "tls": "none"}


class SFTP:
    """A customer's SFTP server over a local folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.loop = asyncio.new_event_loop()
        self.key = asyncssh.generate_private_key("ssh-ed25519")

    def start(self) -> SFTP:
        self.folder.mkdir(parents=True, exist_ok=True)
        ready = threading.Event()

        def serve() -> None:
            asyncio.set_event_loop(self.loop)
            self.loop.run_until_complete(self._listen())
            ready.set()
            self.loop.run_forever()

        threading.Thread(target=serve, daemon=True).start()
        assert ready.wait(20)
        return self

    async def _listen(self) -> None:
        folder = str(self.folder)

        class Server(asyncssh.SSHServer):
            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                return (username, password) == ("reader", PASSWORD)

        def files(channel: Any) -> asyncssh.SFTPServer:
            return asyncssh.SFTPServer(channel, chroot=folder.encode())

        self.listener = await asyncssh.listen(
            "127.0.0.1", self.port, server_factory=Server, server_host_keys=[self.key], sftp_factory=files
        )

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.listener.close)

    @property
    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "user": "reader", "folder": "/"}


class S3:
    """A customer's bucket: moto's server."""

    def start(self) -> S3:
        from moto.server import ThreadedMotoServer

        self.port = free_port()
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.server.start()
        self.connector().make_bucket()
        return self

    def connector(self) -> Any:
        from apps.datasets.connectors.s3 import S3 as Connector

        class Making(Connector):
            def make_bucket(self) -> None:
                from einstein.outbound.http import fetch

                status, _, body = fetch("PUT", self._base(), self._signed("PUT", self._base()))
                assert status == 200, body

        return Making(self.settings, self.secret)

    def put(self, name: str, path: Path) -> None:
        self.connector().put(path, name)

    def stop(self) -> None:
        self.server.stop()

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "bucket": "exports",
            "folder": "",
            "region": "us-east-1",
            "endpoint": f"http://127.0.0.1:{self.port}",
            "access_key": "reader",
        }

    secret = {"secret_key": PASSWORD}


class Web:
    """A web server whose answers a test writes: `answer(handler)` is called for each request."""

    def __init__(self, answer: Callable[[http.server.BaseHTTPRequestHandler], None], port: int = 0) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # noqa: N802 the library's name
                answer(self)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def send_bytes(handler: http.server.BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "text/csv", "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


class Mail:
    """An SMTP server that answers as told and keeps what it took."""

    def __init__(self) -> None:
        self.answer, self.taken = "250 OK", []
        self.senders: list[str] = []  # of the envelopes
        self.refused: dict[str, str] = {}  # {address: answer}
        self.port = free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:  # noqa: N802 aiosmtpd's name
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 aiosmtpd's name
        if self.answer.startswith("250"):
            self.taken.append(envelope.content.decode())
            self.senders.append(envelope.mail_from)
        return self.answer
