"""Backups by the clock: made, rehearsed and thinned out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
from django.conf import settings
from django.db.models.functions import Now

from apps.console.backup import BackupFailed, back_up, rehearse
from apps.console.thin_out import thin_out
from apps.monitoring.backups import last_good
from apps.monitoring.models import ScheduledBackup
from einstein import disk
from einstein.postgres.patience import patient

ONE_AT_A_TIME = 7_303_014_501_120_002  # an advisory lock, as einstein.postgres.file_lock
AGAIN = timedelta(hours=1)  # after one that failed or broke off
SHOWN = 10


def back_up_when_due() -> ScheduledBackup | None:
    """Make the backup that is due, if no other clock does. Safe to be killed at any line: the next clock begins anew."""
    if not settings.BACKUP_FOLDER or not _is_due():
        return None
    if not settings.DATABASE_OWNER_URL:
        problem = "Set DATABASE_OWNER_URL for the clock: a backup needs the role that owns the tables."
        return ScheduledBackup.objects.create(ended_at=Now(), problem=problem)
    with _alone() as mine:
        if not mine or not _is_due():
            return None
        made = ScheduledBackup.objects.create()
        _make(made)
        thin_out()
    return made


@dataclass(frozen=True)
class Backups:
    """How the backups by the clock do."""

    good: ScheduledBackup | None
    recent: list[ScheduledBackup]
    same_disk: bool
    hours: int


def backups_now() -> Backups | None:
    """None when the clock makes none."""
    if not settings.BACKUP_FOLDER:
        return None
    recent = list(ScheduledBackup.objects.order_by("-started_at")[:SHOWN])
    return Backups(last_good(), recent, same_disk(), settings.BACKUP_HOURS)


def same_disk() -> bool:
    """Whether backups lie on the disk they should survive."""
    folder = disk.nearest(Path(settings.BACKUP_FOLDER))
    return any(path.stat().st_dev == folder.stat().st_dev for path in disk.places().values())


def _make(made: ScheduledBackup) -> None:
    try:
        _refuse_without_room()
        target = back_up(Path(settings.BACKUP_FOLDER))
        made.folder = str(target)
        facts = rehearse(target)
        made.bytes, made.rows, made.files = facts.bytes, sum(facts.tables.values()), len(facts.files)
    except BackupFailed as problem:
        made.problem = str(problem)
    made.ended_at = Now()
    made.save()
    made.refresh_from_db()


def _refuse_without_room() -> None:
    """A backup that fills the disk of the data would stop what it is to save."""
    before = last_good()
    free = shutil.disk_usage(disk.nearest(Path(settings.BACKUP_FOLDER))).free
    needed = (before.bytes if before else 0) + settings.DISK_FLOOR_BYTES
    if free < needed:
        raise BackupFailed(
            f"{settings.BACKUP_FOLDER} has {free / 1e9:,.1f} GB left; the backup needs about {needed / 1e9:,.1f} GB."
        )


def _is_due() -> bool:
    newest = _newest()
    if newest is None:
        return True
    pause = (
        timedelta(hours=settings.BACKUP_HOURS) if newest.is_good else min(AGAIN, timedelta(hours=settings.BACKUP_HOURS))
    )
    return ScheduledBackup.objects.filter(id=newest.id, started_at__lte=Now() - pause).exists()


def _newest() -> ScheduledBackup | None:
    return ScheduledBackup.objects.order_by("-started_at").first()


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether this clock is the one; ends with its connection, so that a killed clock keeps nobody waiting."""
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True, **patient({}, pooled=False)) as holder:
        yield holder.execute("SELECT pg_try_advisory_lock(%s)", [ONE_AT_A_TIME]).fetchone()[0]  # type: ignore[index]
