"""Numbers by their place in the reference: ranks, bins and outer ranges. Used for numbers, dates, scores and lengths of texts."""

from __future__ import annotations

import numpy as np

BINS = 10
FEW = 12  # different values at most that get a bin each
OUTER = 0.002  # the share at each end that is called the outer range
FAR = 3.0  # times the inner range beyond it: no ordinary day reaches there
KNOTS = 512
LUMPS = 6.0  # how many times a known value may be commoner on a day
RARE = 0.02  # a value with a larger share is seen by its bin


class Ranks:
    """The reference's distribution of a number, shape (records,), without blanks."""

    def __init__(self, numbers: np.ndarray) -> None:
        ordered = np.sort(numbers)
        self.records = len(ordered)
        self.different, counts = np.unique(ordered, return_counts=True)
        self.shares = counts / max(1, len(ordered))
        self.few = len(self.different) <= FEW
        cuts = (
            (self.different[1:] + self.different[:-1]) / 2
            if self.few
            else np.unique(np.quantile(ordered, np.linspace(0, 1, BINS + 1)[1:-1]))
        )
        self.cuts = cuts
        low, high = np.quantile(ordered, [OUTER, 1 - OUTER])
        inner = np.quantile(ordered, [0.005, 0.995])
        reach = FAR * max(float(inner[1] - inner[0]), 1e-9 * abs(float(inner[1])), 1e-12)
        self.low, self.high, self.far_low, self.far_high = (
            float(low),
            float(high),
            float(inner[0] - reach),
            float(inner[1] + reach),
        )
        self.quantiles = np.quantile(ordered, [0.05, 0.25, 0.5, 0.75, 0.95])
        self.least, self.greatest, self.mean = float(ordered[0]), float(ordered[-1]), float(ordered.mean())
        self.ordered = ordered if len(ordered) <= KNOTS * 64 else np.quantile(ordered, np.linspace(0, 1, KNOTS * 64))
        places = self.of(ordered)
        self.rank_sd, self.spread_sd = float(places.std()), float(np.abs(places - 0.5).std())

    def of(self, numbers: np.ndarray) -> np.ndarray:
        """Mid-ranks in the reference, 0 to 1."""
        left = np.searchsorted(self.ordered, numbers, side="left")
        right = np.searchsorted(self.ordered, numbers, side="right")
        return (left + right) / (2.0 * max(1, len(self.ordered)))

    def bins(self, numbers: np.ndarray) -> np.ndarray:
        """Share per bin, shape (bins,)."""
        places = np.searchsorted(self.cuts, numbers, side="right")
        return np.bincount(places, minlength=len(self.cuts) + 1) / max(1, len(numbers))

    def share_of(self, value: float) -> float:
        """The reference's share of exactly this value."""
        place = int(np.searchsorted(self.different, value))
        there = place < len(self.different) and self.different[place] == value
        return float(self.shares[place]) if there else 0.0


def most_repeated(numbers: np.ndarray, ranks: Ranks) -> tuple[float, float, float]:
    """(value, its share, the most that is usual) of the value that gained most among those that were rare."""
    values, counts = np.unique(numbers, return_counts=True)
    best = (0.0, 0.0, 0.5)
    for place in np.argsort(-counts)[:8]:
        before, share = ranks.share_of(values[place]), float(counts[place] / len(numbers))
        usual = most_usual(before, ranks.records)
        if before <= RARE and share - usual > best[1] - best[2]:
            best = (float(values[place]), share, usual)
    return best


def most_usual(share: float, records: int) -> float:
    """The largest share of one value that an ordinary day may bring: real values come in lumps, and the luckiest of many was picked."""
    count = share * records
    above = (count + 2 + 2 * np.sqrt(count + 1)) / records
    return float(min(0.5, above * (LUMPS if count else 1.0)))
