"""A child process under guard: heard line by line, ended when it takes too much memory or time, or when somebody asks."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

import psutil

from apps.predictions.executors.base import Ending, Hear, Limits, Stopped
from apps.runs.die_with_parent import die_with_parent
from einstein.memory import MB, machine_mb

ROOT = Path(__file__).resolve().parents[4]
POLL_SECONDS = 0.1  # a training that grows by 2 GB a second is caught within 200 MB
END_SECONDS = 20.0  # that a child has to leave in order, before it is killed
NICE = 10  # of 19, the mildest (setpriority(2))
FIRST_TO_GO = 800  # of 1,000: where the machine's memory runs out, Linux ends a training and not the database (proc(5))
MEMORY_SHARE = 0.75
MOST_ERRORS = 4000  # characters


def run_child(command: list[str], limits: Limits, hear: Hear, stopped: Stopped) -> Ending:
    """Run a program that tells JSON lines; it is gone when this returns or raises."""
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT, preexec_fn=_begin_child,
            env=os.environ | {"PYTHONFAULTHANDLER": "1"},  # says where, when a library falls
        )  # fmt: skip
        guard = Guard(child, limits, stopped)
        guard.start()
        try:
            finished = _pass_on(child, hear)
            status = child.wait()
        finally:
            guard.leave()
        errors.seek(0)
        return Ending(finished, status, errors.read()[-MOST_ERRORS:], guard.reason, guard.memory_mb)


class Guard(threading.Thread):
    """Ends the child when a limit is passed, and says which."""

    def __init__(self, child: subprocess.Popen[str], limits: Limits, stopped: Stopped) -> None:
        super().__init__(daemon=True)
        self.child, self.stopped = child, stopped
        self.process = psutil.Process(child.pid)
        self.memory_mb = limits.memory_mb or round(MEMORY_SHARE * machine_mb())
        self.until = time.monotonic() + limits.seconds
        self.reason = ""
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(POLL_SECONDS):
            self.reason = self._why()
            if self.reason:
                _end(self.child)
                return

    def leave(self) -> None:
        self.over.set()
        _end(self.child)
        self.join()

    def _why(self) -> str:
        if self.stopped():
            return "stopped"
        if time.monotonic() > self.until:
            return "time"
        return "memory" if self._used_mb() > self.memory_mb else ""

    def _used_mb(self) -> float:
        try:
            return self.process.memory_info().rss / MB
        except psutil.Error:  # it has just ended
            return 0.0


def _begin_child() -> None:
    """It uses what scoring and people leave over: a training takes as long as its budget says in any case."""
    die_with_parent()
    os.nice(NICE)
    try:
        Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_GO))
    except OSError:
        pass


def _pass_on(child: subprocess.Popen[str], hear: Hear) -> bool:
    """Tell what the child tells; whether it said at last that the model is complete."""
    finished, lines = False, SimpleQueue[str | None]()
    threading.Thread(target=_read, args=(child.stdout, lines), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=POLL_SECONDS)  # not the pipe itself: waiting there cannot be interrupted
        except Empty:
            continue
        if line is None:
            return finished
        event = _event_of(line)
        finished |= "done" in event
        if event:
            hear(event)


def _event_of(line: str) -> dict[str, Any]:
    """Nothing for a line that broke off with its process, or a library's own words."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _read(pipe: IO[str], lines: SimpleQueue[str | None]) -> None:
    for line in pipe:
        lines.put(line)
    lines.put(None)


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
