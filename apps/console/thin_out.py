"""Removing earlier backups: seven days and four weeks of them are kept."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db.models.functions import Now

from apps.monitoring.models import ScheduledBackup
from einstein.postgres import moment

DAYS_KEPT, WEEKS_KEPT = 7, 4
OURS = re.compile(r"einstein-\d{8}-\d{6}")
LEFT_OVER = re.compile(r"\.einstein-\d{8}-\d{6}\.partial-[0-9a-f]{6}")
DAY = 86_400


def thin_out() -> int:
    """Remove the folders that are not kept any more; only those that the clock made."""
    known = list(ScheduledBackup.objects.filter(removed_at=None).exclude(folder="").exclude(ended_at=None))
    keep = kept([one.started_at for one in known if one.is_good])
    newest_failure = max((one.started_at for one in known if not one.is_good), default=None)
    gone = [one for one in known if one.started_at not in keep and (one.is_good or one.started_at != newest_failure)]
    for one in gone:
        path = Path(one.folder)
        if OURS.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            ScheduledBackup.objects.filter(id=one.id).update(removed_at=Now())
    _remove_left_over()
    return len(gone)


def kept(moments: list[datetime]) -> set[datetime]:
    """The newest of each of the last seven days that have one, and of each of the last four such weeks."""
    days: dict[object, datetime] = {}
    weeks: dict[object, datetime] = {}
    for one in sorted(moments, reverse=True):
        days.setdefault(one.date(), one)
        weeks.setdefault(one.isocalendar()[:2], one)
    return {*list(days.values())[:DAYS_KEPT], *list(weeks.values())[:WEEKS_KEPT]}


def _remove_left_over() -> None:
    """What a clock that was killed had begun."""
    for path in Path(settings.BACKUP_FOLDER).glob(".einstein-*"):
        if LEFT_OVER.fullmatch(path.name) and path.stat().st_mtime < moment.now().timestamp() - DAY:
            shutil.rmtree(path, ignore_errors=True)
