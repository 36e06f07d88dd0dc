"""Numbers as a model learns them: standardised, on a log scale where that helps, without absurd values; and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

LEAST_FENCE, FENCE = 5.0, 30.0  # ranges, 5 % to 95 %, from the median: beyond, a value is absurd
DEVIATIONS = 3.3  # a range is so many standard deviations of a normal distribution
MARGIN = 0.1  # of the learnt range that a prediction may leave it by
SKEWED = 1.0  # skewness from which a log scale is tried


@dataclass(frozen=True)
class Scale:
    """`forward` to about mean 0 and deviation 1, `back` to the user's unit; `smear` undoes the log's bias to the mean."""

    centre: float
    unit: float
    low: float
    high: float
    log: bool = False
    shift: float = 0.0
    smear: float = 1.0

    @classmethod
    def fitted(cls, target: np.ndarray, log: bool = False) -> Scale:
        low, high = fences(target)
        kept = np.clip(target, low, high)
        shift = _shift(kept) if log else 0.0
        seen = np.log(kept + shift) if log else kept
        centre, unit = float(seen.mean()), float(seen.std()) or 1.0
        margin = MARGIN * float(np.quantile(kept, 0.99) - np.quantile(kept, 0.01))
        least = float(kept.min())
        return cls(
            centre,
            unit,
            max(least - margin, 0.0) if least >= 0 else least - margin,
            float(kept.max()) + margin,
            log,
            shift,
        )

    def forward(self, target: np.ndarray) -> np.ndarray:
        kept = np.clip(target, self.low, self.high)
        return ((np.log(kept + self.shift) if self.log else kept) - self.centre) / self.unit

    def back(self, guess: np.ndarray) -> np.ndarray:
        seen = guess * self.unit + self.centre
        if self.log:
            seen = np.exp(np.clip(seen, -50, 50)) * self.smear - self.shift
        return np.clip(seen, self.low, self.high)

    def smeared(self, target: np.ndarray, guess: np.ndarray) -> Scale:
        """The same with the factor that makes held-out (unscaled) guesses right in the mean of squares (Duan 1983)."""
        if not self.log:
            return self
        raw = np.exp(np.clip(guess * self.unit + self.centre, -50, 50))
        kept = np.clip(target, self.low, self.high) + self.shift
        factor = float((raw * kept).sum() / max((raw * raw).sum(), 1e-12))
        return Scale(**(asdict(self) | {"smear": min(1.3, max(0.8, factor))}))

    @property
    def slope(self) -> float:
        """How much a step of one in the learnt scale is in the user's unit, about the middle."""
        return self.unit * float(np.exp(self.centre)) if self.log else self.unit

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def fences(target: np.ndarray) -> tuple[float, float]:
    """(lowest, highest) value that is not absurd.

    At the fence one value alone has as much variance as all the others together: sqrt(records) deviations from the middle.
    """
    low, middle, high = np.quantile(target, [0.05, 0.5, 0.95])
    if high == low:
        return float(target.min()), float(target.max())
    reach = (high - low) * float(np.clip(np.sqrt(len(target)) / DEVIATIONS, LEAST_FENCE, FENCE))
    return float(max(target.min(), middle - reach)), float(min(target.max(), middle + reach))


def log_may_help(target: np.ndarray) -> bool:
    """Whether the numbers are never negative and skewed to the right."""
    low, high = fences(target)
    kept = np.clip(target, low, high)
    spread = kept.std()
    return bool(kept.min() >= 0 and spread > 0 and np.mean(((kept - kept.mean()) / spread) ** 3) > SKEWED)


def _shift(kept: np.ndarray) -> float:
    """What to add before the logarithm: nothing for positive numbers, else a small usual amount."""
    if kept.min() > 0:
        return 0.0
    positive = kept[kept > 0]
    return float(np.quantile(positive, 0.05)) if len(positive) else 1.0
