"""What a cause is told from, and what telling one gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from einstein.ml.watch.evidence import Surprise
from einstein.ml.watch.gauges import Gauge, Measured
from einstein.ml.watch.table import Values

LITTLE = 0.2  # of its share is left to a value that vanished
SAME_SHARE = 0.25  # by which the share of what came may differ from that of what went, besides chance


def made_room(usual: np.ndarray, left: np.ndarray, now: float, rows: int, records: int) -> np.ndarray:
    """Which known values, (values,) by their `usual` shares of `records` and what is `left` of them in `rows`, have vanished and were about as
    common as what came, `now`."""
    chance = 3 * np.sqrt(usual * (1 / rows + 1 / records))
    return (left < LITTLE * usual) & (np.abs(usual - now) < SAME_SHARE * usual + chance)


@dataclass
class Sight:
    """A field's batch with all that was found out about it. `loud` are the names of the stats that are alarming."""

    gauge: Gauge
    values: Values
    found: Measured
    surprise: Surprise
    loud: set[str]

    @property
    def field(self) -> str:
        """The name of the field."""
        return self.gauge.field

    @property
    def strength(self) -> float:
        """The largest |z| of the alarming stats."""
        places = [place for place, stat in enumerate(self.gauge.stats) if stat.name in self.loud]
        return float(np.max(np.abs(self.surprise.z[places]), initial=0.0))

    def share(self, name: str) -> float:
        """What the batch shows of one stat, 0 when it shows nothing."""
        place = next((number for number, stat in enumerate(self.gauge.stats) if stat.name == name), None)
        return 0.0 if place is None or np.isnan(self.found.means[place]) else float(self.found.means[place])

    def usual(self, name: str) -> float:
        """What of one stat is usual; raises `StopIteration` for one the gauge does not have."""
        place = self.gauge.place_of(name)
        chosen = self.found.usual[place]
        return float(self.gauge.usual[place] if np.isnan(chosen) else chosen)

    @property
    def filled(self) -> np.ndarray:
        """The numbers that are there, (filled records,); raises `TypeError` for a field of texts."""
        numbers = self.values.column.values
        return numbers[~np.isnan(numbers)]


@dataclass(frozen=True)
class Cause:
    """A kind of fault and the sentence that tells it with numbers. `gross` ones are a warning on any field."""

    kind: str
    words: str
    gross: bool = True


@dataclass(frozen=True)
class Finder:
    """Tells one kind of fault: `find(sight, others)` gives its cause or None; asked in `order`. `others` are the batch's other alarming fields."""

    order: int
    find: Callable[[Sight, list[Sight]], Cause | None]
