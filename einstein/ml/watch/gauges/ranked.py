"""What gauges of numbers and of dates have in common: blanks, unreadable values, one value repeated, and places in the reference."""

from __future__ import annotations

import numpy as np

from einstein.ml.watch.gauges.base import Gauge, Measured, Stat, measured
from einstein.ml.watch.gauges.ranks import Ranks, most_repeated
from einstein.ml.watch.table import Values


class RankedGauge(Gauge):
    """Blank, unreadable, what the kind adds, one value repeated, mean rank and spread, ten bins. `trial` is whether the spread is on trial."""

    trial_spread = False
    least_repeated = 0.03

    def own_stats(self) -> list[Stat]:
        """What this kind counts besides; called when `ranks` are known."""
        raise NotImplementedError

    def own_counts(self, filled: np.ndarray) -> dict[str, float]:
        """{stat: share of the filled values, (filled records,)} of what this kind counts besides."""
        raise NotImplementedError

    def learn(self, values: Values) -> list[Stat]:
        numbers, trial = values.column.values, self.trial_spread
        self.ranks = Ranks(numbers[~np.isnan(numbers)])
        bins = len(self.ranks.cuts) + 1 if len(self.ranks.cuts) else 0
        return [
            Stat("blank", 0.02), Stat("unreadable", 0.01), *self.own_stats(), Stat("repeated", self.least_repeated, trial=trial),
            Stat("rank", 0.05, mean=True, trial=trial), Stat("spread", 0.035, mean=True, trial=trial),
            *(Stat(f"bin {place}", 0.04, trial=trial) for place in range(bins)),
        ]  # fmt: skip

    def measure(self, values: Values) -> Measured:
        numbers, rows = values.column.values, len(values.column)
        filled = numbers[~np.isnan(numbers)]
        found = {
            name: (there.sum() / max(1, rows), rows)
            for name, there in (("blank", values.blank), ("unreadable", values.unreadable))
        }
        if not len(filled):
            return measured(found, self.stats)
        value, share, usual = most_repeated(filled, self.ranks)
        places = self.ranks.of(filled)
        means = self.own_counts(filled) | {
            "repeated": share,
            "rank": places.mean(),
            "spread": np.abs(places - 0.5).mean(),
        }
        means |= {f"bin {place}": part for place, part in enumerate(self.ranks.bins(filled))}
        found |= {name: (mean, len(filled)) for name, mean in means.items()}
        return measured(found, self.stats, {"repeated": usual}, repeated=value)

    def spreads(self) -> dict[str, float]:
        return {"rank": self.ranks.rank_sd, "spread": self.ranks.spread_sd}
