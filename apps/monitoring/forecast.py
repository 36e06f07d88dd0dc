"""When a disk will be full, from what was used of it day by day; honest about how far that can be told."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import theilslopes

LEAST_DAYS = 7
WINDOWS = (14, 30)
SURE = 0.9  # of the interval
FAR = 730.0  # days; beyond, nobody can tell
SOON = 14.0


@dataclass(frozen=True)
class Forecast:
    """`growth` {days looked back: bytes a day}; days until it is full: about, at the earliest and at the latest, None for not within two years."""

    days_known: int
    growth: dict[int, float]
    about: float | None = None
    earliest: float | None = None
    latest: float | None = None

    @property
    def is_soon(self) -> bool:
        return self.about is not None and self.about < SOON

    @property
    def words(self) -> str:
        """A sentence for the operator."""
        if not self.growth:
            days = f"{self.days_known} day{'' if self.days_known == 1 else 's'}"
            return f"Not enough days yet to tell when it is full: {days} of {LEAST_DAYS}."
        if self.about is None:
            if self.earliest is None:
                return "At this rate it is not full within two years."
            return f"At this rate it is not full within two years, but it could be in {_span(self.earliest)}."
        unit, size = _unit(self.about)
        low, high = (None if days is None else max(0, round(days / size)) for days in (self.earliest, self.latest))
        about = round(self.about / size)
        between = f"{low} or more" if high is None else f"between {low} and {high}"
        return f"At this rate the disk is full in about {about} {unit}{'' if about == 1 else 's'} ({between})."


def forecast(used: list[tuple[int, float]], free: float) -> Forecast:
    """From (day number, bytes used at its end) of each known day, and what is free now.

    Growth is the median of the slopes between all pairs of days (Theil-Sen), which one clean-up or one large upload does not bend; its interval
    is Sen's, widened by what the last two weeks say for themselves.
    """
    if not used:
        return Forecast(0, {})
    last = max(day for day, _ in used)
    near = {window: [(day, size) for day, size in used if day > last - window] for window in WINDOWS}
    longest = near[WINDOWS[-1]]
    if len(longest) < LEAST_DAYS or longest[-1][0] - longest[0][0] < LEAST_DAYS - 1:
        return Forecast(len(longest), {})
    slopes = {window: _slope(points) for window, points in near.items() if len(points) >= LEAST_DAYS}
    (rate, low, high), (lately, _, _) = slopes[WINDOWS[-1]], slopes.get(WINDOWS[0], slopes[WINDOWS[-1]])
    growth = {window: slope for window, (slope, _, _) in slopes.items()}
    fast, slow = max(high, lately), min(low, lately)
    return Forecast(len(longest), growth, _until(free, rate), _until(free, fast), _until(free, slow))


def _slope(points: list[tuple[int, float]]) -> tuple[float, float, float]:
    """(bytes a day, at the least, at the most)."""
    days, sizes = zip(*points, strict=True)
    found = theilslopes(sizes, days, SURE)
    return float(found.slope), float(found.low_slope), float(found.high_slope)


def _until(free: float, rate: float) -> float | None:
    days = max(0.0, free) / rate if rate > 0 else FAR + 1
    return days if days <= FAR else None


def _unit(days: float) -> tuple[str, float]:
    return ("day", 1.0) if days < 21 else ("week", 7.0) if days < 120 else ("month", 30.44)


def _span(days: float) -> str:
    unit, size = _unit(days)
    count = round(days / size)
    return f"{count} {unit}{'' if count == 1 else 's'}"
