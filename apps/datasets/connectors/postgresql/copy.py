"""COPY ... TO STDOUT as Arrow batches of strings.

The text format (PostgreSQL manual, COPY, "Text Format") keeps one record a line: tabs part the fields, and a backslash escapes what would
break a line. So lines can be split without looking for quotation marks; only values with a backslash need a second look.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

BLOCK = 8 << 20
WAITING = 2  # blocks between the thread that receives and the one that takes apart
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Copy:
    """One running COPY of a query: a thread receives lines from the connection, batches are made of them meanwhile."""

    def __init__(self, connection: psycopg.Connection, query: str) -> None:
        self.server = connection.pgconn
        # Blank and null are the same to us; a null written as nothing keeps backslashes out of most blocks.
        self.statement = f"COPY ({query}) TO STDOUT (NULL '')"
        self.blocks: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self.failure: Exception | None = None
        self.stopped = False

    def __enter__(self) -> Copy:
        result = self.server.exec_(self.statement.encode())
        if result.status != psycopg.pq.ExecStatus.COPY_OUT:
            raise psycopg.errors.error_from_result(result)
        self.feeder = threading.Thread(target=self._feed, daemon=True)
        self.feeder.start()
        return self

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
        except psycopg.Error as error:
            self.failure = error
        finally:
            self.blocks.put(None)

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
                self.failure = psycopg.errors.error_from_result(result)


def _unescaped(column: pa.Array) -> pa.Array:
    marked = pc.match_substring(column, "\\")
    if not pc.any(marked).as_py():
        return column
    return pa.array(
        [ESCAPED.sub(_meant, value) if value and "\\" in value else value for value in column.to_pylist()], pa.string()
    )


def _meant(found: re.Match[str]) -> str:
    return ESCAPES.get(found[1], found[1])
