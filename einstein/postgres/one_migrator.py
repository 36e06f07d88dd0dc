"""Migrating beside a running application: one host at a time, and never in the way for long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management.base import CommandError
from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

MIGRATING = 0x45696E73  # the advisory lock's number: "Eins"
LOCK_SECONDS = 2  # whoever wants the table waits behind us, so we give up first
PATIENCE_SECONDS = 600
PAUSE_SECONDS = 1.0


@contextmanager
def alone(say: Callable[[str], object]) -> Iterator[None]:
    """Hold the installation's lock of migrating; wait while another host has it. Needs a connection of its own, not a pooler's."""
    deadline, told = time.monotonic() + PATIENCE_SECONDS, False
    # Asked again and again: a waiting statement would hold up indexes that the other host builds concurrently.
    while not _ask("SELECT pg_try_advisory_lock(%s)", MIGRATING):
        if time.monotonic() > deadline:
            raise CommandError("Another host has been migrating for ten minutes. Look at it, then migrate again.")
        if not told:
            say("Another host migrates; waiting for it.")
            told = True
        time.sleep(PAUSE_SECONDS)
    try:
        yield
    finally:
        _ask("SELECT pg_advisory_unlock(%s)", MIGRATING)


def patiently(migrate: Callable[[], Any], say: Callable[[str], object]) -> None:
    """Migrate, and again while a table is in use: what was applied stays applied."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with _short_locks():
                return migrate()
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            if time.monotonic() > deadline:
                raise CommandError(
                    "A table was in use for ten minutes. Migrate again when less is going on."
                ) from error
        say("A table is in use; trying again.")
        time.sleep(PAUSE_SECONDS)


@contextmanager
def _short_locks() -> Iterator[None]:
    _set_lock_timeout(f"{LOCK_SECONDS}s")
    try:
        with connection.execute_wrapper(_unhurried_when_concurrent):
            yield
    finally:
        _set_lock_timeout("0")


def _unhurried_when_concurrent(execute: Callable, sql: str, params: Any, many: bool, context: dict) -> Any:
    """CONCURRENTLY is in nobody's way, waits for transactions to end, and leaves a broken index when it is stopped."""
    if " CONCURRENTLY " not in str(sql):
        return execute(sql, params, many, context)
    execute("SET lock_timeout = '0'", None, False, context)
    try:
        return execute(sql, params, many, context)
    finally:
        execute(f"SET lock_timeout = '{LOCK_SECONDS}s'", None, False, context)


class AddIndexBeside(AddIndexConcurrently):
    """An index built without a lock; what a killed attempt left of it is removed first."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        broken = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid"
        if _ask(broken, schema_editor.quote_name(self.index.name)):
            schema_editor.execute(f"DROP INDEX CONCURRENTLY {schema_editor.quote_name(self.index.name)}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)


def _set_lock_timeout(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{value}'")


def _ask(question: str, *values: object) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        found = cursor.fetchone()
    return found and found[0]
