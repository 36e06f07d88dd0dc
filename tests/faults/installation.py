"""An installation whose parts can fail one by one: PostgreSQL over TCP, the file store, the mail server, the customers' own addresses, and hosts."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from email import message_from_string, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import psycopg
from aiosmtpd.controller import Controller

from einstein.postgres.embedded import APPLICATION, DATABASE, OWNER, EmbeddedServer
from tests.e2e.inside import Inside
from tests.faults.hosts import ROOT, Host
from tests.migrated import lay_into
from tests.servers import free_port

LEASE_SECONDS = 6


class Database(EmbeddedServer):
    """The installation's PostgreSQL on a TCP port, migrated, that can be restarted or stopped."""

    def __init__(self, var: Path, address: str) -> None:
        lay_into(var)
        super().__init__(var)
        self.address, self.port = address, free_port()

    def _launch(self) -> None:
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        rules = self.data / "pg_hba.faults.conf"
        rules.write_text("local all all scram-sha-256\nhost all all 0.0.0.0/0 scram-sha-256\n")
        rules.chmod(0o644)
        options = f'-h {self.address} -p {self.port} -k "{self.socket_dir}" -c max_connections=200 -c shared_buffers=128MB -c hba_file={rules}'
        self._pg("pg_ctl", "-D", str(self.data), "-l", str(self.data / "server.log"), "-o", options, "-w", "-t", "60", "start")  # fmt: skip

    def _superuser(self, passwords: dict[str, str], database: str) -> psycopg.Connection:
        return psycopg.connect(host=self.address, port=self.port, user="postgres", password=passwords["postgres"], dbname=database, autocommit=True)  # fmt: skip

    def url(self, role: str) -> str:
        return f"postgresql://{role}:{quote(self._passwords()[role])}@{self.address}:{self.port}/{DATABASE}"

    def stop_at_once(self) -> None:
        """As after a power cut: connections break off, the log is replayed at the next start."""
        self._pg("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")


class Inbox:
    """A mail server that keeps what it takes and can be stopped."""

    def __init__(self, address: str) -> None:
        self.messages: list[tuple[str, str]] = []
        self.address, self.port = address, free_port()

    def start(self) -> None:
        self.controller = Controller(self, hostname=self.address, port=self.port)
        self.controller.start()

    def stop(self) -> None:
        self.controller.stop()

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 the library's name
        self.messages += [(to, envelope.content.decode("utf8", "replace")) for to in envelope.rcpt_tos]
        return "250 OK"

    def mails(self) -> list[tuple[str, str, str]]:
        """(address, subject, Message-ID) of each."""
        parsed = [(to, message_from_string(text, policy=policy.default)) for to, text in list(self.messages)]
        return [(to, str(mail["Subject"]), str(mail["Message-ID"])) for to, mail in parsed]


class Customers:
    """The companies' own systems: GET /N.csv is company N's table of tonight, POST takes a webhook and acts on each id once."""

    def __init__(self, address: str) -> None:
        self.tables: dict[str, bytes] = {}
        self.taken: Counter[str] = Counter()
        self.records: dict[
            tuple[str, int], Counter[str]
        ] = {}  # by destination and scoring run: how often each key was told
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # noqa: N802 the library's name
                self._answer(200, outer.tables[self.path])

            def do_POST(self) -> None:  # noqa: N802 the library's name
                outer.take(
                    self.path,
                    self.headers["webhook-id"],
                    json.loads(self.rfile.read(int(self.headers["Content-Length"]))),
                )
                self._answer(204, b"")

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/csv")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """A line a request is nobody's wish."""

        self.server = ThreadingHTTPServer((address, 0), Handler)
        self.base = f"http://{address}:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path: str, message_id: str, body: dict) -> None:
        self.taken[message_id] += 1
        if self.taken[message_id] == 1:
            told = self.records.setdefault((path, body["data"]["run"]["id"]), Counter())
            told.update(record["key"] for record in body["data"]["records"])

    def stop(self) -> None:
        self.server.shutdown()


class Installation:
    """All of it; `host(name)` makes a machine that belongs to it."""

    def __init__(self, name: str, address: str = "127.0.0.1", **env: str) -> None:
        self.var = ROOT / "var" / name
        shutil.rmtree(self.var, ignore_errors=True)
        self.temporary = self.var / "temporary"
        self.temporary.mkdir(parents=True)
        self.database, self.inbox, self.customers = Database(self.var, address), Inbox(address), Customers(address)
        self.database.start()
        self.inbox.start()
        self.env = os.environ | {
            "EINSTEIN_VAR": str(self.var), "TMPDIR": str(self.temporary), "DATABASE_URL": self.database.url(APPLICATION), "DATABASE_OWNER_URL": self.database.url(OWNER),
            "EINSTEIN_SMTP_URL": f"smtp://{address}:{self.inbox.port}", "EINSTEIN_OUTBOUND_ALLOW": f"{address}/32", "EINSTEIN_LOG_LEVEL": "INFO",
            "EINSTEIN_LEASE_SECONDS": str(LEASE_SECONDS), "EINSTEIN_CHECK_SECONDS": "2", "EINSTEIN_GROUPING_SECONDS": "0", "EINSTEIN_WATCH_CLOCK": "0", "EINSTEIN_JITTER_SECONDS": "0",
            "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", **env,
        }  # fmt: skip
        self.hosts: list[Host] = []
        self.inside: Inside | None = None
        self.sql("TRUNCATE workspaces_workspace, workspaces_user, django_q_ormq CASCADE")

    def host(self, name: str, clock: bool = True, **env: str) -> Host:
        made = Host(f"{self.var.name}-{name}", self.env | env, self.var / f"{name}.log", clock=clock)
        self.hosts.append(made)
        return made

    def run(self, code: str) -> str:
        """Run code inside the product in a process of its own; what it printed."""
        if self.inside is None:
            self.inside = Inside(ROOT, self.env)
        return self.inside.run(code)

    def sql(self, query: str, *values: object) -> list[tuple]:
        """Ask the database as the owner of the tables."""
        with psycopg.connect(self.database.url(OWNER), autocommit=True) as connection:
            cursor = connection.execute(query, values[0] if values and isinstance(values[0], dict) else values or None)
            return cursor.fetchall() if cursor.description else []

    def stop(self) -> None:
        if self.inside is not None:
            self.inside.leave()
        for host in self.hosts:
            if not host.stopping.is_set():
                host.kill()
        self.inbox.stop()
        self.customers.stop()
        self.database.leave()
