"""Dates: they go on by nature, so only those that cannot be are strange at once; their spread counts once the field has kept still."""

from __future__ import annotations

import numpy as np

from einstein.ml.watch.gauges.base import Stat
from einstein.ml.watch.gauges.ranked import RankedGauge

DAY = 86_400.0
BEFORE_SPAN, BEFORE_DAYS = (
    0.25,
    60.0,
)  # how far before the first date is strange: part of the span, at least so many days
AFTER_SPAN, AFTER_DAYS = 2.0, 730.0


class DateGauge(RankedGauge):
    """Besides: long before the first or after the last; and midnight, on trial like the spread."""

    trial_spread = True
    least_repeated = 0.05

    def own_stats(self) -> list[Stat]:
        span = self.ranks.greatest - self.ranks.least
        self.earliest = self.ranks.least - max(BEFORE_SPAN * span, BEFORE_DAYS * DAY)
        self.latest = self.ranks.greatest + max(AFTER_SPAN * span, AFTER_DAYS * DAY)
        return [Stat("before", 0.01), Stat("after", 0.01), Stat("midnight", 0.05, trial=True)]

    def own_counts(self, filled: np.ndarray) -> dict[str, float]:
        return {
            "before": (filled < self.earliest).mean(),
            "after": (filled > self.latest).mean(),
            "midnight": (filled % DAY == 0).mean(),
        }
