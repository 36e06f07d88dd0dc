"""What to learn, as asked by the command line and the app."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

SMALL_CELLS = 400_000
AUTO_SMALL, AUTO_LARGE = (
    120.0,
    600.0,
)  # seconds `auto` may take (FLAML's authors: 1 to 10 minutes for small data, 10 to 60 for medium)


@dataclass
class TrainRequest:
    """`types` are the user's own decisions by field; `keep` overrules a guard; `budget` in seconds, None to stop when more time
    stops paying; `trials` a number of settings instead of a time; `started` the monotonic time the budget counts from."""

    target: str
    task: str | None = None
    positive: str | None = None
    ignore: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    time_field: str | None = None
    budget: float | None = 60.0
    trials: int | None = None
    seed: int = 0
    threads: int = 0
    started: float | None = None


class Clock:
    """The budget as monotonic times; without end where a number of trials decides."""

    def __init__(self, request: TrainRequest, cells: int) -> None:
        self.began = request.started or time.monotonic()
        self.counted = request.trials is not None
        self.budget = (
            request.budget if request.budget is not None else AUTO_SMALL if cells <= SMALL_CELLS else AUTO_LARGE
        )

    def at(self, share: float) -> float:
        """The time at which `share` of the budget is used."""
        return float("inf") if self.counted else self.began + share * self.budget

    @property
    def left(self) -> float:
        """Seconds to the end of the budget."""
        return self.at(1.0) - time.monotonic()

    @property
    def spent(self) -> float:
        return time.monotonic() - self.began
