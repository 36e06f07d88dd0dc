"""Named places at which a process may die, so that tests can kill it there. In production nothing happens: the setting is unset."""

from __future__ import annotations

import os
import signal
from pathlib import Path

SETTING = "EINSTEIN_FAULT_POINTS"  # a folder; the process dies at the first pass of a point whose file lies there
POINTS = (
    "alert written", "notices planned", "check committed", "notices locked", "message written", "operators told", "mail claimed",
    "server has said 250", "mail noted", "old rows gone",
)  # fmt: skip


def fault_point(name: str) -> None:
    """Die here without any cleaning up when a test asks for it; raises `ValueError` for a point that is not listed."""
    if name not in POINTS:
        raise ValueError(f"{name!r} is no fault point")
    folder = os.environ.get(SETTING)
    if not folder:
        return
    try:
        (Path(folder) / name).unlink()  # once: whoever is started again passes
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
