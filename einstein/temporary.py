"""Where a process has its temporary files: in a folder of its own, so that what a killed one left can be told from what others use.

A worker that is killed removes nothing: uploads it was unpacking and records on their way somewhere would fill the disk, and people who were
erased would live on in them.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from pathlib import Path

logger = logging.getLogger("einstein.temporary")
PREFIX = "einstein-process-"

_locks: dict[int, int] = {}  # of a process, the descriptor that holds its folder for as long as it lives (flock(2))


def use_own_folder() -> Path:
    """Let the temporary files of this process go below a folder of its own, and remove the folders of processes that are gone.

    They lie where `TMPDIR` says, else in the system's. A process forked from this one shares its folder until it calls this itself.
    """
    now = Path(tempfile.gettempdir())
    # Not within the folder that a forked process has from its parent: it goes with the parent.
    place = now.parent if now.name.startswith(PREFIX) else now
    if os.getpid() not in _locks:
        try:
            tempfile.tempdir = _made_in(place)
        except OSError as error:  # a network's disk that knows no locks: nobody could tell whose a folder is
            logger.warning("temporary files have no folder of their own in %s: %s", place, error)
            tempfile.tempdir = str(place)
    _remove_left(place)
    return Path(tempfile.gettempdir())


def _made_in(place: Path) -> str:
    """A new folder that this process holds. Raises OSError where folders cannot be held."""
    while True:
        folder = tempfile.mkdtemp(prefix=PREFIX, dir=place)
        try:
            lock = _lock_on(folder)
        except (BlockingIOError, FileNotFoundError):  # another process has just taken it for one that was left
            continue
        except OSError:
            os.rmdir(folder)
            raise
        if os.path.isdir(folder):
            _locks[os.getpid()] = lock
            return folder
        os.close(lock)


def _remove_left(place: Path) -> None:
    for folder in place.glob(f"{PREFIX}*"):
        try:
            lock = _lock_on(folder)
        except OSError:  # a living process holds it, or it is another user's
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _lock_on(folder: str | Path) -> int:
    """The descriptor that holds the folder. Raises BlockingIOError while a living process holds it, and other OSErrors."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock
