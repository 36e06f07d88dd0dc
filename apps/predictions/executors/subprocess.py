"""Training beside the worker, in a child process of its own."""

from __future__ import annotations

from pathlib import Path

from apps.predictions.executors.base import Ending, Executor, Hear, Limits, Stopped, job_command
from apps.predictions.executors.base.child import run_child


class Subprocess(Executor):
    kind = "subprocess"

    def train(self, home: Path, key: str, limits: Limits, hear: Hear, stopped: Stopped) -> Ending:
        return run_child(job_command(home), limits, hear, stopped)


EXECUTOR = Subprocess
