"""How many records a batch should hold, by the batches before it and by the day of the week."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

LEAST_HISTORY, LEAST_WEEKLY = 5, 8  # batches before a number of records can be strange
LEAST_FACTOR = np.log(1.6)  # fewer or more by less than this factor needs nobody
SMALLEST_SPREAD = 0.08  # least day-to-day standard deviation of the logarithm
LEAST_Z = 5.0
SAME_DAY = 2  # batches of the same day of the week that are enough to speak for it
KEPT = 90


@dataclass
class Volume:
    """Numbers of records of earlier batches, as (day of the week, logarithm)."""

    weekly: bool
    seen: list[tuple[int, float]] = field(default_factory=list)

    def usual(self, weekday: int) -> tuple[float, float] | None:
        """(lowest, highest) usual logarithm, or None when there is too little to go by."""
        if len(self.seen) < LEAST_HISTORY:
            return None
        values = np.array([value for _, value in self.seen])
        same = np.array([value for day, value in self.seen if day == weekday])
        if not self.weekly:
            reach = LEAST_Z * _spread(values)
            return float(np.median(values) - reach), float(np.median(values) + reach)
        if len(same) >= SAME_DAY:
            days = np.array([day for day, _ in self.seen])
            rest = np.concatenate(
                [
                    values[days == day] - np.median(values[days == day])
                    for day in set(days.tolist())
                    if (days == day).sum() >= SAME_DAY
                ]
            )
            reach = LEAST_Z * _spread(rest) * np.sqrt(1 + 1 / len(same))
            return float(np.median(same) - reach), float(np.median(same) + reach)
        if len(self.seen) < LEAST_WEEKLY:
            return None  # it may be the first week-end
        reach = LEAST_Z * SMALLEST_SPREAD
        return float(values.min() - reach), float(values.max() + reach)

    def factor(self, rows: int, weekday: int) -> float | None:
        """How many times the usual number it is when that is strange, else None."""
        expected = self.usual(weekday)
        if expected is None or rows <= 0:
            return None
        now, (low, high) = np.log(rows), expected
        middle = (low + high) / 2
        strange = now < min(low, middle - LEAST_FACTOR) or now > max(high, middle + LEAST_FACTOR)
        return float(np.exp(now - middle)) if strange else None

    def accept(self, rows: int, weekday: int) -> None:
        """Remember a usual number."""
        if rows > 0:
            self.seen = [*self.seen, (weekday, float(np.log(rows)))][-KEPT:]


def _spread(values: np.ndarray) -> float:
    """Standard deviation by the median absolute deviation, but not less than a third of the plain one."""
    if len(values) < 2:
        return SMALLEST_SPREAD
    robust = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return max(SMALLEST_SPREAD, robust, float(values.std()) / 3)
