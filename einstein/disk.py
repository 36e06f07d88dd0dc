"""Room on the disks of this installation: how much there is, and refusing what would fill the last of it.

A full disk stops the database, which stops everybody. So what makes data grow stops a little earlier, by `EINSTEIN_DISK_FLOOR_MB`.
"""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import NamedTuple

import fsspec
from django.conf import settings
from fsspec.implementations.local import LocalFileSystem

NO_ROOM = "There is no room on this installation’s disk right now."
LATER = f"{NO_ROOM} Nothing was changed. Your operator has been told; try again later."


class NoRoom(OSError):
    """Too little room is left to begin something that needs more; the message is a sentence for the user."""

    def __init__(self) -> None:
        super().__init__(errno.ENOSPC, NO_ROOM)

    def __str__(self) -> str:
        return NO_ROOM


class Space(NamedTuple):
    """Bytes of one disk."""

    free: int
    total: int


def local_store() -> Path | None:
    """The folder where stored files lie; None when they lie elsewhere."""
    filesystem, root = fsspec.core.url_to_fs(settings.STORAGE_URL)
    return Path(root) if isinstance(filesystem, LocalFileSystem) else None


def places() -> dict[str, Path]:
    """What lies on disks of this machine: stored files, the embedded database, and uploads on their way. Of one disk, the first."""
    server = getattr(settings, "EMBEDDED_SERVER", None)
    found = {"files": local_store(), "database": server.home if server else None, "incoming": Path(settings.VAR_DIR)}
    disks: dict[int, str] = {}
    for name, path in found.items():
        if path is not None:
            disks.setdefault(nearest(path).stat().st_dev, name)
    return {name: nearest(found[name]) for name in disks.values()}  # type: ignore[arg-type]


def spaces() -> dict[str, Space]:
    """Room by place; a place that cannot be looked at is left out."""
    found = {}
    for name, path in places().items():
        try:
            usage = shutil.disk_usage(path)
        except OSError:
            continue
        found[name] = Space(usage.free, usage.total)
    return found


def free_bytes() -> int:
    """Free space of the fullest disk, above the floor."""
    return min((space.free for space in spaces().values()), default=0) - settings.DISK_FLOOR_BYTES


def has_room(size: int = 0) -> bool:
    """Whether so much more can be stored without going below the floor."""
    return free_bytes() >= size


def refuse_without_room(size: int = 0) -> None:
    """Raises `NoRoom`."""
    if not has_room(size):
        raise NoRoom


def nearest(path: Path) -> Path:
    """The path, or the nearest folder above that exists."""
    return next((one for one in (path, *path.parents) if one.exists()), Path("/"))
