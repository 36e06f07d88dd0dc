"""When something planned comes next, in the workspace's time zone, once on each clock-change day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


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
