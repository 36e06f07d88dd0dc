"""When a prediction is scored next, in the workspace's time zone, once on each clock-change day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apps.predictions.models import Prediction


def next_slot(prediction: Prediction, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first planned time later than `after` (aware), or None without a schedule.

    Daily and weekly slots are one per local date: an hour that the clock skips moves to the next existing one, an hour
    that comes twice counts the first time.
    """
    if prediction.schedule == "none":
        return None
    if prediction.schedule == "hourly":
        return after.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    day = after.astimezone(zone).date()
    while True:
        if prediction.schedule == "daily" or day.weekday() == prediction.schedule_weekday:
            local = datetime(day.year, day.month, day.day, prediction.schedule_hour, tzinfo=zone)
            slot = local.astimezone(UTC)
            if slot > after:
                return slot
        day += timedelta(days=1)
