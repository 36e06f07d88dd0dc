"""Answers: known ones by their shares, unknown ones, and the commonest unknown one."""

from __future__ import annotations

import numpy as np

from einstein.ml.watch.gauges.base import Gauge, Measured, Stat, measured
from einstein.ml.watch.gauges.ranks import LUMPS, most_usual
from einstein.ml.watch.table import Values

LEVELS = 25
LEAST_COUNT = 10  # records of an answer before its own share is watched


class CategoryGauge(Gauge):
    """Blank, unseen, the commonest unseen answer, and the 25 commonest answers of the reference, the rest together."""

    def learn(self, values: Values) -> list[Stat]:
        column = values.column
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
        order = np.argsort(-counts, kind="stable")
        self.levels = [column.levels[place] for place in order[:LEVELS] if counts[place] >= LEAST_COUNT]
        self.level_shares = {
            column.levels[place]: counts[place] / max(1, counts.sum()) for place in order if counts[place]
        }
        # How much of the next batch will be answers never seen (Good 1953): the share of answers seen once.
        self.expected_unseen = float((counts == 1).sum()) / max(1, counts.sum())
        self.records = int(counts.sum())
        known = [Stat(f"level {place}", 0.04) for place in range(len(self.levels))]
        return [Stat("blank", 0.02), Stat("unseen", 0.01), Stat("new", 0.01), *known, Stat("rest", 0.04)]

    def fit(self, values: Values) -> CategoryGauge:
        """Known shares, less what will be unseen by nature."""
        super().fit(values)
        names = [stat.name for stat in self.stats]
        unseen, rest = names.index("unseen"), names.index("rest")
        self.usual[unseen], self.usual[rest] = self.expected_unseen, max(0.0, self.usual[rest] - self.expected_unseen)
        return self

    def earliness(self) -> np.ndarray:
        # Where every answer came often, a new one is news from the first batch on.
        closed = self.expected_unseen == 0
        return np.array([1.0 if closed and stat.name in {"unseen", "new"} else self.early for stat in self.stats])

    def measure(self, values: Values) -> Measured:
        column, rows = values.column, len(values.column)
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
        filled = int(counts.sum())
        found = {"blank": (values.blank.sum() / max(1, rows), rows)}
        if not filled:
            return measured(found, self.stats)
        share = {level: counts[place] / filled for place, level in enumerate(column.levels) if counts[place]}
        unseen = {level: part for level, part in share.items() if level not in self.level_shares}
        newest = max(unseen, key=lambda level: unseen[level], default="")
        shares = [share.get(level, 0.0) for level in self.levels]
        total = sum(unseen.values())
        found |= {
            "unseen": (total, filled),
            "new": (unseen.get(newest, 0.0), filled),
            "rest": (max(0.0, 1 - total - sum(shares)), filled),
        }
        found |= {f"level {place}": (part, filled) for place, part in enumerate(shares)}
        one = most_usual(0.0, self.records) * (LUMPS if self.expected_unseen > 0 else 1.0)
        return measured(found, self.stats, {"new": one}, unseen=unseen, share=share)
