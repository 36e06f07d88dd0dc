"""How the cores of a host are shared out. Several web and interactive processes are each busy with small work: where each let its libraries
(BLAS, OpenMP) work on all cores, they would wait for one another far longer than they save. Trainings and the largest scorings take what
`TRAIN_THREADS` and their libraries give them."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings

THREADS = "OMP_NUM_THREADS"  # read once, when the libraries are loaded
LIMIT = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: microseconds in a period, and the period


def environment_of_worker(queue: str) -> dict[str, str]:
    """What a worker of a queue has to be started with: interactive ones share the cores among them."""
    share = _threads(max(1, cores() // max(1, settings.WORKERS[queue]))) if queue == "interactive" else {}
    return {"Q_CLUSTER_NAME": queue} | share


def environment_of_web() -> dict[str, str]:
    """What the web server has to be started with: each of its processes answers several requests at once."""
    return _threads(1)


def cores() -> int:
    """The cores that this process may use, of the machine or of the container that it is in."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        most, period = LIMIT.read_text().split()
        return min(allowed, max(1, round(int(most) / int(period))))
    except (OSError, ValueError):  # no container, or one without a limit
        return allowed


def _threads(count: int) -> dict[str, str]:
    """So many, unless whoever runs the installation says otherwise."""
    return {THREADS: os.environ.get(THREADS, str(count))}
