"""Numbers, and scores, which are numbers with lawful limits."""

from __future__ import annotations

import numpy as np

from einstein.ml.watch.gauges.base import Gauge, Measured, Stat, measured
from einstein.ml.watch.gauges.ranks import Ranks, most_repeated
from einstein.ml.watch.table import Values


class NumberGauge(Gauge):
    """Blank, unreadable, beyond the outer range, far beyond, one value repeated, whole numbers, ten bins, mean rank and spread."""

    def learn(self, values: Values) -> list[Stat]:
        numbers = values.column.values
        self.ranks = Ranks(numbers[~np.isnan(numbers)])
        bins = [Stat(f"bin {place}", 0.04) for place in range(len(self.ranks.cuts) + 1)] if len(self.ranks.cuts) else []
        return [
            Stat("blank", 0.02), Stat("unreadable", 0.01), Stat("below", 0.015), Stat("above", 0.015), Stat("far", 0.006), Stat("repeated", 0.03),
            Stat("whole", 0.05), Stat("rank", 0.05, mean=True), Stat("spread", 0.035, mean=True), *bins,
        ]  # fmt: skip

    def measure(self, values: Values) -> Measured:
        numbers, rows = values.column.values, len(values.column)
        filled = numbers[~np.isnan(numbers)]
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
            "below": ((filled < ranks.low).mean(), count), "above": ((filled > ranks.high).mean(), count),
            "far": (((filled < ranks.far_low) | (filled > ranks.far_high)).mean(), count), "repeated": (share, count),
            "whole": ((filled == np.floor(filled)).mean(), count), "rank": (places.mean(), count), "spread": (np.abs(places - 0.5).mean(), count),
        }  # fmt: skip
        found |= {f"bin {place}": (part, count) for place, part in enumerate(ranks.bins(filled))}
        return measured(found, self.stats, {"repeated": usual}, repeated=value)

    def spreads(self) -> dict[str, float]:
        return {"rank": self.ranks.rank_sd, "spread": self.ranks.spread_sd}


class ScoreGauge(NumberGauge):
    """Scores of training records may differ from those of new ones, because the model knows the former: early on, only gross changes count."""

    early = 3.0
