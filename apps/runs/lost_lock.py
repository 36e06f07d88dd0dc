"""A queue between processes whose reader was killed while it waited: it took the reading lock with it, and nobody could read any more.

An idle worker of django-q waits inside `Queue.get`, which holds the lock that all workers read under. kill -9 or the operating system's memory
guard leave that lock taken for good; work then waits in the queue while idle workers wait for the lock.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from multiprocessing.queues import Queue

from django_q import cluster

logger = logging.getLogger("einstein.runs")
LOOKED_EVERY, STUCK_SECONDS = 1.0, 4.0


class LockWatch:
    """Frees the reading lock of a queue when work lies in it, a reader is idle, and still nothing is taken for `STUCK_SECONDS`."""

    def __init__(self, queue: Queue, has_idle_reader: Callable[[], bool]) -> None:
        self.queue, self.has_idle_reader = queue, has_idle_reader
        self.since: float | None = None

    def look(self, now: float) -> bool:
        """One look; True when the lock was freed."""
        if not (self.queue.qsize() and self.has_idle_reader()):
            self.since = None
            return False
        self.since = now if self.since is None else self.since
        if now - self.since < STUCK_SECONDS:
            return False
        self.since = None
        # Taking a task takes a living reader microseconds, so whoever holds the lock is dead.
        self.queue._rlock.release()
        logger.warning("the lock of the task queue was lost with a killed worker, and is free again")
        return True

    def go_on(self) -> None:
        while True:
            time.sleep(LOOKED_EVERY)
            try:
                self.look(time.monotonic())
            except ValueError:  # somebody freed it in the meantime
                continue


class Sentinel(cluster.Sentinel):
    """django-q's guard of a cluster, which also watches over the lock of the task queue."""

    def guard(self) -> None:
        watch = LockWatch(
            self.task_queue, lambda: any(worker.is_alive() and worker.timer.get_obj().value < 0 for worker in self.pool)
        )
        threading.Thread(target=watch.go_on, daemon=True).start()
        super().guard()
