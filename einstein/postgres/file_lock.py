"""Files stay while a backup copies them: a backup holds this lock alone, whatever tidies up holds it together with others.

Otherwise a file that goes between the dump of the database and the copy of the files would make the backup begin anew, each hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection

from einstein.postgres.patience import patient

KEY = 7_303_014_501_120_001  # any number that nobody else takes


@contextmanager
def files_may_go() -> Iterator[bool]:
    """Whether no backup is being made; while the block runs none begins to copy."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock_shared(%s)", [KEY])
        may = cursor.fetchone()[0]
    try:
        yield may
    finally:
        if may:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [KEY])


@contextmanager
def files_stay(url: str) -> Iterator[None]:
    """Wait for whatever tidies up, and keep it from beginning."""
    with psycopg.connect(url, autocommit=True, **patient({}, pooled=False)) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [KEY])
        try:
            yield
        finally:
            holder.execute("SELECT pg_advisory_unlock(%s)", [KEY])
