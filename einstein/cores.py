"""How the cores of a host are shared out. There are several web and interactive processes, and each is busy with small work: where each
let its libraries (BLAS, OpenMP) work on all cores, they would wait for one another far longer than they save. Trainings and the largest
scorings take what `TRAIN_THREADS` and their libraries give them."""

from __future__ import annotations

import os

THREADS = "OMP_NUM_THREADS"  # read once, when the libraries are loaded
ONE_THREAD_EACH = {"interactive"}


def environment_of_worker(queue: str) -> dict[str, str]:
    """What a worker of a queue has to be started with."""
    return {"Q_CLUSTER_NAME": queue} | (environment_of_small_work() if queue in ONE_THREAD_EACH else {})


def environment_of_small_work() -> dict[str, str]:
    """One thread for each process, unless whoever runs the installation says otherwise."""
    return {THREADS: os.environ.get(THREADS, "1")}
