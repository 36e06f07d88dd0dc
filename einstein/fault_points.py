"""Named places at which a process may die, so that tests can kill it there. In production nothing happens: the setting is unset."""

from __future__ import annotations

import os
import signal
from pathlib import Path

SETTING = "EINSTEIN_FAULT_POINT"  # "name:file"; the process dies at the first pass while the file is there


def fault_point(name: str) -> None:
    """Die here without any cleaning up when the test asks for it."""
    wanted, _, marker = os.environ.get(SETTING, "").partition(":")
    if wanted != name:
        return
    try:
        Path(marker).unlink()  # once: whoever starts again passes
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
