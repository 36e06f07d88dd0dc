"""Times in words: "today, 06:02", "yesterday, 06:01", "20 Nov, 06:03", in a workspace's zone."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from einstein.postgres import moment


def local_time(when: datetime, zone: ZoneInfo) -> str:
    local, today = when.astimezone(zone), moment.now().astimezone(zone).date()
    clock = f"{local:%H:%M}"
    if local.date() == today:
        return f"today, {clock}"
    if local.date() == today - timedelta(days=1):
        return f"yesterday, {clock}"
    if local.date() == today + timedelta(days=1):
        return f"tomorrow, {clock}"
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {local:%b}{year}, {clock}"


def duration(seconds: float | None) -> str:
    """ "45 s", "4 min 10 s", "2 h 5 min"."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
