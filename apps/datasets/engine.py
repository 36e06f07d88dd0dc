"""DuckDB for tables that do not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

MEMORY = "400MB"


@contextmanager
def open_engine(folder: Path, memory: str = MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in memory, spilling into `folder`, without access to the network or to extensions."""
    engine = duckdb.connect(config={"memory_limit": memory, "temp_directory": str(folder), "autoinstall_known_extensions": False,
                                    "autoload_known_extensions": False})  # fmt: skip
    try:
        yield engine
    finally:
        engine.close()


def quoted(name: str) -> str:
    """A field's name as an identifier; names are data of the user, so quotation marks are doubled."""
    return '"' + name.replace('"', '""') + '"'
