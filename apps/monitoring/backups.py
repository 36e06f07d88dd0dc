"""Whether there is a good backup, as far as the clock makes them."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from apps.monitoring.models import ScheduledBackup

OLD = 2  # times the period without a good one


def last_good() -> ScheduledBackup | None:
    return ScheduledBackup.objects.filter(problem="").exclude(ended_at=None).order_by("-started_at").first()


def sees_failed() -> str:
    """Why the newest one that ended is none; one that is being made changes nothing yet."""
    if not settings.BACKUP_FOLDER:
        return ""
    newest = ScheduledBackup.objects.exclude(ended_at=None).order_by("-started_at").first()
    return newest.problem[:400] if newest is not None else ""


def sees_old() -> str:
    """That none was good for twice the period."""
    if not settings.BACKUP_FOLDER:
        return ""
    old = ScheduledBackup.objects.filter(started_at__lt=Now() - OLD * timedelta(hours=settings.BACKUP_HOURS))
    good = last_good()
    if good is None:
        return "There has never been a good one." if old.exists() else ""
    return f"The last good one is of {good.started_at:%-d %B %Y, %H:%M} UTC." if old.filter(id=good.id).exists() else ""
