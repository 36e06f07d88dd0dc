"""What an executor is: it has the job in a folder trained somewhere, within limits, and passes on what the training tells."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

Hear = Callable[[dict[str, Any]], None]
Stopped = Callable[[], bool]


@dataclass(frozen=True)
class Limits:
    """What one training may use. `memory_mb` 0 is three quarters of the machine it runs on; `cpus` are asked of a cluster."""

    seconds: float
    memory_mb: float = 0
    cpus: int = 1


@dataclass(frozen=True)
class Ending:
    """How a training ended; `finished` means that its model is complete, whatever came afterwards.

    `reason` tells who ended it: nobody (""), "stopped" on request, its limits ("memory", "time"), or the cluster: "lost" (its machines died
    again and again), "crowded" (none was free), "unreachable", or "files" (the file store was, from there).
    """

    finished: bool
    status: int = 0
    errors: str = ""
    reason: str = ""
    memory_mb: float = 0


class Executor(ABC):
    """`address` is what follows kind:// in the setting."""

    kind: ClassVar[str]

    def __init__(self, address: str) -> None:
        self.address = address

    @property
    def threads(self) -> int:
        """Threads of a training that names none; 0 is all cores."""
        return 0

    def problem(self) -> str:
        """Why it cannot be used on this installation, with what mends it; else nothing."""
        return ""

    @abstractmethod
    def train(self, home: Path, key: str, limits: Limits, hear: Hear, stopped: Stopped) -> Ending:
        """Train the job in `home` (job.json, table.parquet) into home/model. When it returns or raises, no work of it goes on.

        `key` is a place in the storage for what has to travel; nothing is left there.
        """


def job_command(home: Path) -> list[str]:
    """The program that trains, the same wherever it runs."""
    return [sys.executable, "-m", "einstein.ml", "job", str(home)]
