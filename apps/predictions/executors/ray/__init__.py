"""Training on a Ray cluster. Only the driver and the nodes import ray; the worker looks after the driver as after any child.

The driver is a process of its own because Ray ends the process that lost its cluster, and takes its work back when that process dies.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.predictions.executors.base import Ending, Executor, Hear, Limits, Stopped
from apps.predictions.executors.base.child import run_child
from einstein import storage

WAIT_SECONDS = 3600.0  # for a machine that is free
TRIES = 3  # machines that may be lost with the same training, as of a Run (MOST_ATTEMPTS)
SLACK_SECONDS = 300.0  # for files to travel
NO_LIMIT = float("inf")


class Ray(Executor):
    kind = "ray"

    @property
    def threads(self) -> int:
        return settings.TRAIN_CPUS

    def problem(self) -> str:
        if find_spec("ray") is None:
            return "Ray is not installed: pip install -r requirements-ray.txt, or leave EINSTEIN_TRAIN_EXECUTOR out."
        if not self.address:
            return "EINSTEIN_TRAIN_EXECUTOR names no cluster: write ray://host:10001, or ray://auto on one of its machines."
        return ""

    def train(self, home: Path, key: str, limits: Limits, hear: Hear, stopped: Stopped) -> Ending:
        try:
            storage.put_folder(home, key)
            ending, model = self._driven(home, key, limits, hear, stopped)
            if ending.finished:
                with storage.local_copy(f"{key}/{model}") as found:
                    shutil.copytree(found, home / "model")
            return ending
        finally:
            storage.delete(key)

    def _driven(self, home: Path, key: str, limits: Limits, hear: Hear, stopped: Stopped) -> tuple[Ending, str]:
        """How it ended, and the name below `key` of the model."""
        place = f"{settings.STORAGE_URL.rstrip('/')}/{key}"
        order = {
            "address": self.address,
            "place": place,
            "limits": asdict(limits),
            "tries": TRIES,
            "wait": WAIT_SECONDS,
        }
        (home / "order.json").write_text(json.dumps(order))
        said: list[dict[str, Any]] = []
        seconds = WAIT_SECONDS + TRIES * (limits.seconds + SLACK_SECONDS)
        driver = run_child(
            [sys.executable, "-m", "apps.predictions.executors.ray.driver", str(home / "order.json")], Limits(seconds, NO_LIMIT),
            lambda event: said.append(event["ending"]) if "ending" in event else hear(event), stopped,
        )  # fmt: skip
        if said:
            return Ending(**said[-1]["how"]), said[-1]["model"]
        return replace(driver, finished=False, reason=driver.reason or "unreachable"), ""


EXECUTOR = Ray
