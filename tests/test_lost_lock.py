"""A worker that is killed while it waits for work takes the queue's lock with it; the others get their work all the same."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest

from apps.runs.lost_lock import STUCK_SECONDS, LockWatch

FORK = multiprocessing.get_context("fork")


def read(tasks, done) -> None:
    done.put(tasks.get())


@pytest.fixture
def tasks():
    return FORK.Queue(10)


def wait_until(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not condition():
        time.sleep(0.05)
    return condition()


def test_a_lock_that_was_lost_with_a_killed_reader_is_freed(tasks):
    done = FORK.Queue()
    first, second = (FORK.Process(target=read, args=(tasks, done), daemon=True) for _ in range(2))
    first.start()
    assert wait_until(lambda: tasks._rlock.acquire(block=False) is False or tasks._rlock.release(), 10), "it waits"
    os.kill(first.pid, signal.SIGKILL)
    first.join(10)
    second.start()
    tasks.put("work")
    time.sleep(0.5)
    assert done.empty(), "nobody can read"
    watch = LockWatch(tasks, lambda: True)
    assert not watch.look(100.0)
    assert not watch.look(100.0 + STUCK_SECONDS / 2)
    assert watch.look(100.0 + STUCK_SECONDS)
    assert done.get(timeout=10) == "work"
    second.join(10)


def test_a_queue_that_moves_or_has_no_idle_reader_is_left_alone(tasks):
    watch = LockWatch(tasks, lambda: True)
    assert not any(watch.look(float(second)) for second in range(20)), "nothing lies in it"
    tasks.put("work")
    assert wait_until(lambda: tasks.qsize() == 1, 5)
    busy = LockWatch(tasks, lambda: False)
    assert not any(busy.look(float(second)) for second in range(20))
    assert tasks.get(timeout=5) == "work"
