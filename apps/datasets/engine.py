"""DuckDB: one of its own for tables that may not fit into memory, and one a process for the small ones, which opening would cost more than."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

MEMORY = "400MB"
SMALL = 20_000  # records
CLOSED = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}

_shared: dict[int, duckdb.DuckDBPyConnection] = {}
_lock = threading.Lock()


@contextmanager
def open_engine(folder: Path, memory: str = MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in memory, spilling into `folder`, without access to the network or to extensions."""
    engine = duckdb.connect(config={"memory_limit": memory, "temp_directory": str(folder), **CLOSED})
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def engine_for(rows: int, folder: Path, memory: str = MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine for tables of so many records. It may be shared: whatever is made in it must be temporary."""
    if rows > SMALL:
        with open_engine(folder, memory) as engine:
            yield engine
        return
    engine = _own_of_this_process().cursor()
    try:
        yield engine
    finally:
        engine.close()


def _own_of_this_process() -> duckdb.DuckDBPyConnection:
    """Its threads do not survive a fork, so each process has its own."""
    with _lock:
        if os.getpid() not in _shared:
            spill = str(Path(tempfile.gettempdir()) / f"einstein-duckdb-{os.getpid()}")
            # Small tables are over before a second thread has begun.
            limits = {"memory_limit": MEMORY, "temp_directory": spill, "threads": 1}
            _shared[os.getpid()] = duckdb.connect(config={**limits, **CLOSED})
        return _shared[os.getpid()]


def quoted(name: str) -> str:
    """A field's name as an identifier; names are data of the user, so quotation marks are doubled."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: object) -> str:
    """A text as a literal, for views and COPY, which take no parameters."""
    return "'" + str(text).replace("'", "''") + "'"
