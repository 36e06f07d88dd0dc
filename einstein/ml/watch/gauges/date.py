"""Dates: they go on by nature, so only those that cannot be are strange at once; their spread counts once the field has kept still."""

from __future__ import annotations

import numpy as np

from einstein.ml.watch.gauges.base import Gauge, Measured, Stat, measured
from einstein.ml.watch.gauges.ranks import Ranks, most_repeated
from einstein.ml.watch.table import Values

DAY = 86_400.0
BEFORE_SPAN, BEFORE_DAYS = (
    0.25,
    60.0,
)  # how far before the first date is strange: part of the span, at least so many days
AFTER_SPAN, AFTER_DAYS = 2.0, 730.0


class DateGauge(Gauge):
    """Blank, unreadable, long before the first or after the last, one moment repeated; then midnight, bins, rank and spread on trial."""

    def learn(self, values: Values) -> list[Stat]:
        moments = values.column.values
        moments = moments[~np.isnan(moments)]
        self.ranks = Ranks(moments)
        span = self.ranks.greatest - self.ranks.least
        self.earliest = self.ranks.least - max(BEFORE_SPAN * span, BEFORE_DAYS * DAY)
        self.latest = self.ranks.greatest + max(AFTER_SPAN * span, AFTER_DAYS * DAY)
        bins = (
            [Stat(f"bin {place}", 0.04, trial=True) for place in range(len(self.ranks.cuts) + 1)]
            if len(self.ranks.cuts)
            else []
        )
        return [
            Stat("blank", 0.02), Stat("unreadable", 0.01), Stat("before", 0.01), Stat("after", 0.01), Stat("repeated", 0.05, trial=True),
            Stat("midnight", 0.05, trial=True), Stat("rank", 0.05, mean=True, trial=True), Stat("spread", 0.035, mean=True, trial=True), *bins,
        ]  # fmt: skip

    def measure(self, values: Values) -> Measured:
        moments, rows = values.column.values, len(values.column)
        filled = moments[~np.isnan(moments)]
        found = {
            "blank": (values.blank.sum() / max(1, rows), rows),
            "unreadable": (values.unreadable.sum() / max(1, rows), rows),
        }
        if not len(filled):
            return measured(found, self.stats)
        ranks, count = self.ranks, len(filled)
        value, share, usual = most_repeated(filled, ranks)
        places = ranks.of(filled)
        found |= {
            "before": ((filled < self.earliest).mean(), count), "after": ((filled > self.latest).mean(), count), "repeated": (share, count),
            "midnight": ((filled % DAY == 0).mean(), count), "rank": (places.mean(), count), "spread": (np.abs(places - 0.5).mean(), count),
        }  # fmt: skip
        found |= {f"bin {place}": (part, count) for place, part in enumerate(ranks.bins(filled))}
        return measured(found, self.stats, {"repeated": usual}, repeated=value)

    def spreads(self) -> dict[str, float]:
        return {"rank": self.ranks.rank_sd, "spread": self.ranks.spread_sd}
