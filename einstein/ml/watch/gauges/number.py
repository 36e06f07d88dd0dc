"""Numbers, and scores, which are numbers with lawful limits."""

from __future__ import annotations

import numpy as np

from einstein.ml.watch.gauges.base import Stat
from einstein.ml.watch.gauges.ranked import RankedGauge


class NumberGauge(RankedGauge):
    """Besides: beyond the outer range on either side, far beyond it, whole numbers."""

    def own_stats(self) -> list[Stat]:
        return [Stat("below", 0.015), Stat("above", 0.015), Stat("far", 0.006), Stat("whole", 0.05)]

    def own_counts(self, filled: np.ndarray) -> dict[str, float]:
        ranks = self.ranks
        far = (filled < ranks.far_low) | (filled > ranks.far_high)
        return {"below": (filled < ranks.low).mean(), "above": (filled > ranks.high).mean(), "far": far.mean(), "whole": (filled == np.floor(filled)).mean()}  # fmt: skip


class ScoreGauge(NumberGauge):
    """Scores of training records may differ from those of new ones, because the model knows the former: early on, only gross changes count."""

    early = 3.0
