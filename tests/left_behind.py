"""What killed processes left where temporary files are."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from einstein.temporary import PREFIX


def left_behind(place: Path) -> list[str]:
    """The names of what lies there and belongs to no living process."""
    return sorted(path.name for path in place.iterdir() if not (path.name.startswith(PREFIX) and _is_held(path)))


def _is_held(folder: Path) -> bool:
    try:
        opened = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # it has just been removed
        return True
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(opened)
    return False
