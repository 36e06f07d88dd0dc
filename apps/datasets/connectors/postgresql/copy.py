"""COPY ... TO STDOUT as Arrow batches of strings.

The text format (PostgreSQL manual, COPY, "Text Format") keeps one record a line: tabs part the fields, and a backslash escapes what would
break a line. So lines can be split without looking for quotation marks; only values with a backslash need a second look.

Lines are received by psql where it is installed, a sixth of the work of receiving them one by one in Python, else by our own connection.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import IO

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from psycopg.conninfo import conninfo_to_dict, make_conninfo

BLOCK = 8 << 20
WAITING = 2  # blocks between the thread that receives and the one that takes apart
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
LONGEST_ARGUMENT = 100_000  # bytes; Linux takes 131,072


class Copy(ABC):
    """One running COPY of a query: a thread receives blocks of whole lines, batches are made of them meanwhile."""

    def __init__(self, query: str) -> None:
        # Blank and null are the same to us; a null written as nothing keeps backslashes out of most blocks.
        self.statement = f"COPY ({query}) TO STDOUT (NULL '')"
        self.blocks: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self.failure: Exception | None = None
        self.stopped = False

    def __enter__(self) -> Copy:
        self._begin()
        self.feeder = threading.Thread(target=self._feed, daemon=True)
        self.feeder.start()
        return self

    @abstractmethod
    def _begin(self) -> None:
        """Send the statement."""

    @abstractmethod
    def _receive(self) -> None:
        """Put blocks of whole lines into the queue until the end; raises psycopg's error, or that of the server."""

    def __exit__(self, *_: object) -> None:
        self.stopped = True
        while self.feeder.is_alive():
            try:
                self.blocks.get(timeout=0.1)
            except queue.Empty:
                continue

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Batches of string columns; raises what the server said when it broke off."""
        options = {
            "read_options": pacsv.ReadOptions(block_size=2 * BLOCK, column_names=schema.names),
            "parse_options": pacsv.ParseOptions(
                delimiter="\t", quote_char=False, double_quote=False, escape_char=False, ignore_empty_lines=False
            ),
            "convert_options": pacsv.ConvertOptions(
                column_types=schema, strings_can_be_null=True, null_values=[""], check_utf8=False
            ),
        }
        while (block := self.blocks.get()) is not None:
            table = pacsv.read_csv(pa.BufferReader(block), **options)
            if b"\\" in block:
                table = pa.table([_unescaped(column.combine_chunks()) for column in table.columns], schema)
            yield from table.combine_chunks().to_batches()
        if self.failure is not None:
            raise self.failure

    def _feed(self) -> None:
        try:
            self._receive()
        except psycopg.Error as error:
            self.failure = error
        finally:
            self.blocks.put(None)


class CopyByPsql(Copy):
    """psql receives, in a read-only session of its own; what it says of an error is the server's word."""

    def __init__(self, address: str, query: str, seconds: int) -> None:
        super().__init__(query)
        settings = conninfo_to_dict(address)
        self.environment = {"PATH": os.environ.get("PATH", ""), "PGPASSWORD": str(settings.pop("password", "")), "PGCLIENTENCODING": "UTF8"}  # fmt: skip
        self.command = [
            "psql",
            "--no-psqlrc",
            "--quiet",
            "--no-password",
            "--set=ON_ERROR_STOP=1",
            make_conninfo("", **settings),
        ]
        for statement in (
            "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
            f"SET LOCAL statement_timeout = '{seconds}s'",
            "SET LOCAL lock_timeout = '10s'",
            self.statement,
        ):
            self.command += ["-c", statement]

    @staticmethod
    def can(address: str, query: str) -> bool:
        """Whether psql is here, knows the certificates asked for (from version 16 on), and can be given the query."""
        return (
            shutil.which("psql") is not None
            and "sslrootcert" not in conninfo_to_dict(address)
            and len(query.encode()) < LONGEST_ARGUMENT
        )

    def _begin(self) -> None:
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 - closed on leaving
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.said,
            bufsize=0,
        )

    def __exit__(self, *_: object) -> None:
        self.process.kill()  # without effect on one that is done
        super().__exit__()
        self.process.wait()
        self.process.stdout.close()
        self.said.close()

    def _receive(self) -> None:
        rest = b""
        while piece := _read(self.process.stdout, BLOCK):
            end = piece.rfind(b"\n") + 1
            if end:
                self.blocks.put(rest + piece[:end])
            rest = piece[end:] if end else rest + piece
        if self.process.wait() and not self.stopped:
            self.said.seek(0)
            raise psycopg.DatabaseError(self.said.read().decode(errors="replace").strip() or "the connection was lost")


class CopyByConnection(Copy):
    """The connection at hand receives, a line at a time."""

    def __init__(self, connection: psycopg.Connection, query: str) -> None:
        super().__init__(query)
        self.server = connection.pgconn

    def _begin(self) -> None:
        result = self.server.exec_(self.statement.encode())
        if result.status != psycopg.pq.ExecStatus.COPY_OUT:
            raise psycopg.errors.error_from_result(result)

    def _receive(self) -> None:
        lines, size = [], 0
        while not self.stopped:
            length, line = self.server.get_copy_data(0)
            if length <= 0:
                break
            lines.append(bytes(line))  # joining memory views takes twice as long
            size += length
            if size > BLOCK:
                self.blocks.put(b"".join(lines))
                lines, size = [], 0
        if lines:
            self.blocks.put(b"".join(lines))
        self._finish()

    def _finish(self) -> None:
        """Take in what the server says at the end; a COPY that was stopped midway is cancelled first."""
        if self.stopped:
            self.server.get_cancel().cancel()
            try:
                while self.server.get_copy_data(0)[0] > 0:
                    pass
            except psycopg.Error:
                pass  # the server's answer to the cancelling
        while (result := self.server.get_result()) is not None:
            if result.status == psycopg.pq.ExecStatus.FATAL_ERROR and not self.stopped:
                raise psycopg.errors.error_from_result(result)


def _read(pipe: IO[bytes], size: int) -> bytes:
    """`size` bytes of a pipe, fewer only at its end."""
    pieces, missing = [], size
    while missing and (piece := pipe.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _unescaped(column: pa.Array) -> pa.Array:
    marked = pc.match_substring(column, "\\")
    if not pc.any(marked).as_py():
        return column
    return pa.array(
        [ESCAPED.sub(_meant, value) if value and "\\" in value else value for value in column.to_pylist()], pa.string()
    )


def _meant(found: re.Match[str]) -> str:
    return ESCAPES.get(found[1], found[1])
