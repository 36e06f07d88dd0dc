"""What time it is, by PostgreSQL's clock: hosts of one installation whose own clocks differ agree on what is due, expired or newest.

Asking costs a round trip, so it is asked every half minute and the time since then is taken from the monotonic clock, which nobody sets.
An answer is taken for the time at which it arrived, so that we are behind PostgreSQL rather than ahead: what is due now by us is due by it.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from django.db import DatabaseError, connection, models
from django.utils import timezone

ASKED_EVERY = 30.0  # seconds; two quartz clocks part by less than 3 ms in that time (100 parts per million)
JUMP = 1.0  # seconds by which this host's clock was set meanwhile, or the host slept: ask again
ROUND_TRIP = 0.005  # seconds; a slower one, as on a busy host, is asked again, and the fastest counts (Cristian 1989, "Probabilistic clock synchronization")
TRIES = 3

_asking = threading.Lock()
_known: tuple[datetime, float, float] | None = None  # the database's time, and both clocks of this host then
_last: datetime | None = None  # what was said last


def now() -> datetime:
    """The database's time, aware, in UTC. While the database cannot be asked, as it was known last; before it ever was, this host's."""
    global _last
    if _known is None or _is_stale(*_known):
        _ask()
    if _known is None:
        return datetime.now(UTC)
    moment, monotonic, _ = _known
    found = moment + timedelta(seconds=time.monotonic() - monotonic)
    if _last is not None and timedelta(0) < _last - found < timedelta(seconds=JUMP):
        return _last  # a slower answer lies further behind: time stands still for so long, it does not go back
    _last = found
    return found


def _is_stale(_: datetime, monotonic: float, wall: float) -> bool:
    passed = time.monotonic() - monotonic
    return passed > ASKED_EVERY or abs(time.time() - wall - passed) > JUMP


def _ask() -> None:
    """One thread asks, the others go on with what is known. Past Django's cursors: it belongs to no page's number of queries."""
    global _known
    if not _asking.acquire(blocking=_known is None):
        return
    try:
        connection.ensure_connection()
        _known = _fastest_answer()
    except (DatabaseError, psycopg.Error):  # away, or a transaction that has failed already
        return
    finally:
        _asking.release()


def _fastest_answer() -> tuple[datetime, float, float]:
    """The database's time, and both clocks of this host when it arrived."""
    answers = []
    for _ in range(TRIES):
        before = time.monotonic()
        [moment] = connection.connection.execute("SELECT clock_timestamp()").fetchone()
        after = time.monotonic()
        answers.append((after - before, (moment.astimezone(UTC), after, time.time())))
        if after - before < ROUND_TRIP:
            break
    return min(answers)[1]


class MomentField(models.DateTimeField):
    """A DateTimeField that is filled by the database's clock. For migrations it is a plain one: the column is the same."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        if self.auto_now or (self.auto_now_add and add):
            setattr(model_instance, self.attname, now())
            return getattr(model_instance, self.attname)
        return getattr(model_instance, self.attname)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, _, args, kwargs = super().deconstruct()
        if kwargs.get("default") is now:
            kwargs["default"] = timezone.now
        return name, "django.db.models.DateTimeField", args, kwargs
