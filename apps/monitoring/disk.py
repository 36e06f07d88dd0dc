"""How the disks of this installation fill: one row a day, and a forecast."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now, TruncDate

from apps.monitoring.forecast import Forecast, forecast
from apps.monitoring.models import DiskDay
from einstein import disk, storage

LOW_SHARE = 0.10
LOOKED_BACK = timedelta(days=30)
WORDS = {
    "files": "The disk with customers’ files",
    "database": "The disk with the database",
    "incoming": "The disk with uploads on their way",
}


@dataclass(frozen=True)
class Disk:
    """One disk as of now."""

    place: str
    free: int
    total: int
    forecast: Forecast

    @property
    def name(self) -> str:
        return WORDS[self.place]

    @property
    def share_free(self) -> float:
        return self.free / self.total if self.total else 0.0

    @property
    def is_filling(self) -> bool:
        return self.share_free < LOW_SHARE or self.forecast.is_soon


def note_today() -> DiskDay:
    """What is free, each time; what takes the room, which is counted file by file, once a day. Safe to run twice, and by several clocks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (now() AT TIME ZONE 'UTC')::date, pg_database_size(current_database())")
        today, database = cursor.fetchone()
    row, _ = DiskDay.objects.get_or_create(day=today)
    row.places = {name: [space.free, space.total] for name, space in disk.spaces().items()}
    row.kinds = {**(row.kinds or bytes_by_kind()), "database": database}
    row.save(update_fields=["places", "kinds"])
    return row


def bytes_by_kind() -> dict[str, int]:
    """Bytes of stored files by what they are: the folder they lie in, within the workspace or within its dataset."""
    found: Counter[str] = Counter()
    for key, size in storage.sizes():
        parts = key.split("/")  # w, workspace, kind, subject, kind within a dataset
        found[parts[4] if len(parts) > 5 and parts[2] == "datasets" else parts[2] if len(parts) > 3 else "other"] += (
            size
        )
    return dict(found)


def days() -> list[DiskDay]:
    """The days that are looked back on, the oldest first."""
    return list(DiskDay.objects.filter(day__gt=TruncDate(Now() - LOOKED_BACK)).order_by(F("day")))


def disks(known: list[DiskDay] | None = None) -> list[Disk]:
    """Each disk with its forecast, the fullest first."""
    known = days() if known is None else known
    found = [
        Disk(place, space.free, space.total, forecast(_used(known, place), max(0, space.free)))
        for place, space in disk.spaces().items()
    ]
    return sorted(found, key=lambda one: one.share_free)


def _used(known: list[DiskDay], place: str) -> list[tuple[int, float]]:
    """(day, bytes used); of a disk that was enlarged it is still what lies on it."""
    return [
        ((row.day - date(2020, 1, 1)).days, row.places[place][1] - row.places[place][0])
        for row in known
        if place in row.places
    ]
