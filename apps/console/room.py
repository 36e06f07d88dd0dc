"""How full the disks are, what takes the room, and how the backups do."""

from __future__ import annotations

from dataclasses import dataclass

from apps.console.backup_schedule import Backups, backups_now
from apps.monitoring.disk import Disk, days, disks
from einstein.disk import local_store
from einstein.postgres import moment

STORED = {
    "uploads": "Files as they came", "snapshots": "Snapshots of datasets", "held": "Tables that did not fit", "pushed": "Records sent by programs",
    "scores": "Scores of runs", "models": "Models", "watches": "What the watch learnt", "deliveries": "Kept to undo deliveries",
    "exports": "Files to take away", "database": "Database", "other": "Other",
}  # fmt: skip


@dataclass(frozen=True)
class Room:
    """`stored` is {what takes the room: bytes} as of today; `backups` None where the clock makes none."""

    disks: list[Disk]
    stored: dict[str, int]
    backups: Backups | None

    @property
    def files_are_here(self) -> bool:
        return local_store() is not None

    @property
    def takes_room(self) -> list[tuple[str, int]]:
        """(what it is in words, bytes), the largest first."""
        rows = [(STORED.get(kind, kind.capitalize()), size) for kind, size in self.stored.items()]
        return sorted(rows, key=lambda row: -row[1])

    @property
    def figures(self) -> dict[str, dict[str, float]]:
        """{figure: {of what: value}} for machines."""
        full = {one.place: one.forecast.about for one in self.disks}
        found = {
            "disk_free_bytes": {one.place: float(one.free) for one in self.disks},
            "disk_total_bytes": {one.place: float(one.total) for one in self.disks},
            "disk_full_in_days": {place: about for place, about in full.items() if about is not None},
            "stored_bytes": {kind: float(size) for kind, size in self.stored.items()},
        }
        good = self.backups.good if self.backups else None
        return found | ({"backup_age_seconds": {"": (moment.now() - good.started_at).total_seconds()}} if good else {})


def room() -> Room:
    """As of now, in three queries at most."""
    known = days()
    return Room(disks(known), known[-1].kinds if known else {}, backups_now())
