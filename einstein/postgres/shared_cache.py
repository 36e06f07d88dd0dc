"""What all web processes must know together for a short while: failed log-ins by address and account, codes used up.

Django's own database cache counts its rows at each write, throws living ones away when there are many, and unpickles what it reads.
"""

from __future__ import annotations

import json
import random
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import connection

TABLE = "shared_cache"
LIVES = f"({TABLE}.expires_at IS NULL OR {TABLE}.expires_at > clock_timestamp())"
SWEEP_ONE_WRITE_IN = 50
SWEPT_AT_ONCE = 1000


class SharedCache(BaseCache):
    """A cache of small JSON values in PostgreSQL; each deed is one statement, and its clock is the database's."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        rows = _ask(f"SELECT value FROM {TABLE} WHERE key = %s AND {LIVES}", self._key(key, version))
        return json.loads(rows[0][0]) if rows else default

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._write(key, value, timeout, version, "true")

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Of several at the same moment exactly one is told True."""
        return self._write(key, value, timeout, version, f"NOT {LIVES}")

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        later = f"UPDATE {TABLE} SET expires_at = clock_timestamp() + make_interval(secs => %s) WHERE key = %s AND {LIVES} RETURNING 1"
        return bool(_ask(later, self._seconds(timeout), self._key(key, version)))

    def delete(self, key: str, version: int | None = None) -> bool:
        return bool(_ask(f"DELETE FROM {TABLE} WHERE key = %s RETURNING 1", self._key(key, version)))

    def clear(self) -> None:
        _ask(f"DELETE FROM {TABLE} RETURNING 1")

    def _write(self, key: str, value: Any, timeout: Any, version: int | None, over: str) -> bool:
        if random.randrange(SWEEP_ONE_WRITE_IN) == 0:
            sweep()
        written = (
            f"INSERT INTO {TABLE} (key, value, expires_at) VALUES (%s, %s, clock_timestamp() + make_interval(secs => %s)) "
            f"ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at WHERE {over} RETURNING 1"
        )
        return bool(_ask(written, self._key(key, version), json.dumps(value), self._seconds(timeout)))

    def _key(self, key: str, version: int | None) -> str:
        return self.make_and_validate_key(key, version=version)

    def _seconds(self, timeout: Any) -> float | None:
        return self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout


def sweep() -> None:
    """Remove what has run out, some at a time; rows that another process is at are left to it."""
    old = f"SELECT key FROM {TABLE} WHERE expires_at <= clock_timestamp() LIMIT {SWEPT_AT_ONCE} FOR UPDATE SKIP LOCKED"
    _ask(f"DELETE FROM {TABLE} WHERE key IN ({old}) RETURNING 1")


def _ask(query: str, *values: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()
