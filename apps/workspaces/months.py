"""Calendar months in a workspace's time zone: which one a moment lies in, and when one begins."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def month_of(at: datetime, zone: ZoneInfo) -> date:
    """The first day of the month that an aware moment lies in."""
    return at.astimezone(zone).date().replace(day=1)


def month_after(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def begin_of(month: date, zone: ZoneInfo) -> datetime:
    """The first moment of a month, in UTC."""
    return datetime(month.year, month.month, 1, tzinfo=zone).astimezone(UTC)
