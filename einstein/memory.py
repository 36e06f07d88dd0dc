"""How much memory there is."""

from __future__ import annotations

from pathlib import Path

import psutil

MB = 1024 * 1024


def machine_mb() -> float:
    """Memory of this machine, or of the container that it is."""
    most = psutil.virtual_memory().total
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # cgroup v2, v1
        try:
            most = min(most, int(Path("/sys/fs/cgroup", name).read_text()))
        except (OSError, ValueError):  # no container, or one without a limit
            continue
    return most / MB
