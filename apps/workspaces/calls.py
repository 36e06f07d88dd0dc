"""Calls from outside, counted: in the memory of each web process at first, and every second added up in the database over all of them.

What one process lets through before it hears of the others is all that can be too much; a process that dies forgets at most one second
or `BATCH` calls. The hour slides: of the hour before counts what still lies within the last sixty minutes, as if it had come evenly.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import date
from math import ceil

from django.conf import settings
from django.db import connection

from apps.workspaces.scope import current_workspace_id
from apps.workspaces.standing import standing
from einstein.postgres import moment

logger = logging.getLogger("einstein.calls")
BATCH = 200  # calls that wait in memory are written down earlier than after a second
FRESH_SECONDS = 10.0  # so long a process that counts nothing of a caller believes what it heard last
FORGOTTEN_SECONDS = 3600.0
HOUR = 3600

HEARD = """
SELECT COALESCE(r.hour, 0), COALESCE(r.calls, 0), COALESCE(r.before, 0),
       (SELECT COALESCE(sum(c.calls), 0) FROM workspaces_callcount c WHERE c.workspace_id = w.id AND c.month = %s AND c.caller LIKE 'key:%%')
  FROM workspaces_workspace w LEFT JOIN workspaces_callrate r ON r.workspace_id = w.id AND r.caller = %s WHERE w.id = %s
"""
Name = tuple[int, str, date]  # workspace, caller, month


@dataclass(frozen=True)
class Rate:
    """Calls of one caller in an hour (its number since 1970) and the one `before`; `month` those of its whole workspace. `heard` is of the monotonic clock."""

    hour: int
    calls: int
    before: int
    month: int = 0
    heard: float = field(default_factory=time.monotonic)

    def at(self, now: float) -> Rate:
        """The same, told for the hour of `now`."""
        passed = int(now // HOUR) - self.hour
        if passed <= 0:
            return self
        return replace(self, hour=self.hour + passed, calls=0, before=self.calls if passed == 1 else 0)

    def within_the_hour(self, now: float) -> float:
        """How many calls the sixty minutes before `now` saw, about."""
        told = self.at(now)
        return told.calls + told.before * (1 - (now / HOUR - told.hour))

    def seconds_until(self, most: int, now: float) -> int:
        """Seconds after which there are at most `most` in the hour behind, if none comes."""
        told, end = self.at(now), (int(now // HOUR) + 1) * HOUR
        if told.within_the_hour(now) <= most:
            return 0
        if told.calls <= most:
            return ceil(end - now - HOUR * (most - told.calls) / told.before)
        return ceil(end - now + HOUR * (1 - most / told.calls))


@dataclass(frozen=True)
class Taken:
    """Whether a call may go on; `left` of its `limit` an hour, the whole of which is free again after `reset` seconds.

    `month` are the workspace's calls of this month, more than may be when `is_full`.
    """

    allowed: bool
    limit: int
    left: int
    reset: int
    wait: int
    month: int
    is_full: bool = False


_lock = threading.Lock()
_unsent: dict[Name, int] = {}
_rates: dict[tuple[int, str], Rate] = {}
_full = threading.Event()
_writer: threading.Thread | None = None


def take(caller: str, limit: int, a_month: int | None = None) -> Taken:
    """Count one call of a caller of the workspace in scope, unless it had `limit` within an hour, or the workspace `a_month` this month."""
    workspace_id, month = current_workspace_id(), standing().month
    name = (workspace_id, caller, month)
    rate = _heard(workspace_id, caller, month)
    now = moment.now().timestamp()
    with _lock:
        mine = _unsent.get(name, 0)
        told = rate.at(now)
        taken = _judge(replace(told, calls=told.calls + mine, month=told.month + mine), limit, a_month, now)
        if taken.allowed:
            _unsent[name] = mine + 1
    if settings.COUNT_CALLS_SECONDS <= 0:
        write_down()
    elif taken.allowed:
        _see_that_it_is_written(mine + 1)
    return taken


def write_down() -> None:
    """Add what this process counted to what all have, and hear how much that is."""
    with _lock:
        counted = dict(sorted(_unsent.items()))  # in one order everywhere, so that no two wait for each other
        _unsent.clear()
    if not counted:
        return
    try:
        heard = _added(counted)
    except Exception:
        with _lock:
            for name, calls in counted.items():
                _unsent[name] = _unsent.get(name, 0) + calls
        raise
    with _lock:
        _rates.update(heard)
        for stale in [name for name, rate in _rates.items() if time.monotonic() - rate.heard > FORGOTTEN_SECONDS]:
            del _rates[stale]


def forget_all() -> None:
    """As a process that has just begun."""
    with _lock:
        _unsent.clear()
        _rates.clear()


def _judge(rate: Rate, limit: int, a_month: int | None, now: float) -> Taken:
    used = rate.within_the_hour(now)
    is_full = a_month is not None and rate.month >= a_month
    allowed = used + 1 <= limit and not is_full
    reset = rate.seconds_until(0, now) if used else HOUR
    wait = 0 if allowed else max(1, rate.seconds_until(limit - 1, now)) if limit > 0 else HOUR
    left = max(0, int(limit - used) - allowed)
    return Taken(allowed, limit, left, max(1, reset), wait, rate.month, is_full)


def _heard(workspace_id: int, caller: str, month: date) -> Rate:
    known = _rates.get((workspace_id, caller))
    if known is not None and (
        time.monotonic() - known.heard < FRESH_SECONDS or (workspace_id, caller, month) in _unsent
    ):
        return known
    with connection.cursor() as cursor:
        cursor.execute(HEARD, [month, caller, workspace_id])
        hour, calls, before, of_month = cursor.fetchone()
    rate = _rates[(workspace_id, caller)] = Rate(hour, calls, before, int(of_month))
    return rate


def _added(counted: dict[Name, int]) -> dict[tuple[int, str], Rate]:
    workspaces, callers, months = (list(part) for part in zip(*counted, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT place, hour, calls, before, month_calls FROM count_calls(%s::bigint[], %s::text[], %s::date[], %s::bigint[])",
            [workspaces, callers, months, list(counted.values())],
        )
        rows = cursor.fetchall()
    return {(workspaces[place - 1], callers[place - 1]): Rate(*facts) for place, *facts in rows}


def _see_that_it_is_written(waiting: int) -> None:
    global _writer
    if _writer is None or not _writer.is_alive():  # the first call, or the process was forked
        with _lock:
            if _writer is None or not _writer.is_alive():
                _writer = threading.Thread(target=_write_on, name="calls", daemon=True)
                _writer.start()
    if waiting >= BATCH:
        _full.set()


def _write_on() -> None:
    while True:
        _full.wait(settings.COUNT_CALLS_SECONDS)
        _full.clear()
        try:
            write_down()
        except Exception:
            logger.exception("calls could not be written down; they are kept and tried again")
            connection.close()
            time.sleep(settings.COUNT_CALLS_SECONDS)
