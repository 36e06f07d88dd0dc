"""When something planned comes next, in the workspace's time zone, once on each clock-change day; and how much later it begins."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from django.conf import settings


class Planned(Protocol):
    """What has a schedule: a prediction, a source, a delivery."""

    schedule: str  # daily, hourly, weekly, none; run: after each scoring
    schedule_hour: int
    schedule_weekday: int


def next_slot(planned: Planned, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first planned time later than `after` (aware), or None without a schedule.

    Daily and weekly slots are one per local date: an hour that the clock skips moves to the next existing one, an hour
    that comes twice counts the first time.
    """
    if planned.schedule in {"none", "run"}:
        return None
    if planned.schedule == "hourly":
        return after.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    day = after.astimezone(zone).date()
    while True:
        if planned.schedule == "daily" or day.weekday() == planned.schedule_weekday:
            local = datetime(day.year, day.month, day.day, planned.schedule_hour, tzinfo=zone)
            slot = local.astimezone(UTC)
            if slot > after:
                return slot
        day += timedelta(days=1)


def jitter(kind: str, row_id: int) -> timedelta:
    """How long after its slot a planned thing begins: up to `EINSTEIN_JITTER_SECONDS`, each its own time and the same every day.

    Whoever picks an hour picks a round one, and so does everybody else: begun at once, they would all ask the same database or
    address in the same second.
    """
    place = int.from_bytes(hashlib.sha256(f"{kind}:{row_id}".encode()).digest()[:8]) / 2**64
    return timedelta(seconds=int(place * settings.JITTER_SECONDS))
