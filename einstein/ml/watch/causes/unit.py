"""All values multiplied by the same factor: another unit, or another sign."""

from __future__ import annotations

import numpy as np

from einstein.ml.types.numbers import to_number
from einstein.ml.watch.causes.base import Cause, Finder, Sight
from einstein.ml.watch.causes.placeholder import lump_beyond
from einstein.ml.watch.gauges.category import CategoryGauge
from einstein.ml.watch.gauges.number import NumberGauge
from einstein.ml.watch.wording import number

QUANTILES = np.array([0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9])
CONVERSIONS = [10.0, 100.0, 1000.0, 10_000.0, 1e6, 60.0, 3600.0, 24.0, 12.0, 7.0, 365.0, 2.54, 3.28, 1.609, 2.205, 4.55, 28.35]  # fmt: skip
NEAREST_UNITY = 1.4  # a factor nearer to 1 is no change of unit
LEAST_VALUES = 10  # different ones, before they are looked for among the known
OWN_VALUES, CONVERTED = 0.3, 0.6  # shares that are known values as they are, and once converted back
SAME_FACTOR = 0.10  # by how much quantiles may miss what the factor foretells, in widths of the field


def find(sight: Sight, others: list[Sight]) -> Cause | None:
    """One factor at all quantiles; below 0 it is a sign."""
    before, now = _as_numbers(sight)
    if len(now) < 20 or len(before) < 20:
        return None
    factor = _of_known_values(before, now)
    if (
        factor is None and lump_beyond(sight) is None
    ):  # converted, each value would lie beyond the range in its own place
        factor = _factor(before, now)
    if factor is None:
        return None
    mean, usual = float(now.mean()), float(before.mean())
    if factor < 0:
        return Cause(
            "sign", f"{sight.field} has changed its sign: {number(mean)} instead of {number(usual)} on average."
        )
    times = _round_factor(max(factor, 1 / factor))
    size = f"about {times} times {'larger' if factor > 1 else 'smaller'}"
    return Cause(
        "unit",
        f"{sight.field} is {size} than in training: {number(mean)} instead of {number(usual)} on average. It looks like a change of unit.",
    )


def _round_factor(factor: float) -> str:
    """The factor people convert by when one is near, else the factor itself in two digits."""
    near = min(CONVERSIONS, key=lambda known: abs(np.log(factor / known)))
    return f"{near:,.6g}" if abs(np.log(factor / near)) < 0.15 else f"{factor:,.2g}"


def _as_numbers(sight: Sight) -> tuple[np.ndarray, np.ndarray]:
    """(before, now) as sorted numbers; answers that are numbers count as such. Empty where they are none."""
    if isinstance(sight.gauge, NumberGauge):
        return sight.gauge.ranks.ordered, np.sort(sight.filled)
    if not isinstance(sight.gauge, CategoryGauge):
        return np.zeros(0), np.zeros(0)
    column = sight.values.column
    now = np.array([to_number(level) or np.nan for level in column.levels] + [np.nan])[column.codes]
    shares = {to_number(level): share for level, share in sight.gauge.level_shares.items()}
    if None in shares or np.isnan(now[column.codes >= 0]).mean() > 0.1:
        return np.zeros(0), np.zeros(0)
    before = np.repeat(
        [float(value) for value in shares if value is not None],
        np.maximum(1, np.round(1000 * np.array(list(shares.values())))).astype(int),
    )
    return np.sort(before), np.sort(now[~np.isnan(now)])


def _factor(before: np.ndarray, now: np.ndarray) -> float | None:
    """By how much all values were multiplied, when that tells the change better than adding something to all of them would."""
    if np.median(before) == 0 or np.median(now) == 0:
        before, now = _without_zeros(before, now)
        if not len(before):
            return None
    then, here = np.quantile(before, QUANTILES), np.quantile(now, QUANTILES)
    if np.median(before) * np.median(now) < 0:
        then = then[::-1]  # the order turns round with the sign
    factor = float(np.dot(then, here) / np.dot(then, then)) if np.dot(then, then) > 0 else 0.0
    if factor == 0 or (factor > 0 and abs(np.log(factor)) < np.log(NEAREST_UNITY)):
        return None
    width = abs(factor) * max(float(then.max() - then.min()), 0.05 * float(np.abs(then).max()))
    by_factor = float(np.abs(here - factor * then).max()) / width
    by_shift = float(np.abs(here - then - np.median(here - then)).max()) / width
    # Beyond fivefold nothing but a factor brings a field there, whatever chance does to its quantiles.
    most = 0.5 if not 0.2 < abs(factor) < 5 else max(SAME_FACTOR, 3.0 / np.sqrt(len(now)))
    return factor if by_factor < most and by_factor < by_shift else None


def _of_known_values(before: np.ndarray, now: np.ndarray) -> float | None:
    """The usual conversion that turns values of the reference into these: tells where few values come often, however their mix moved."""
    before, now = np.unique(before[before != 0]), now[now != 0]
    if len(now) < LEAST_VALUES or len(before) < LEAST_VALUES or _among(now, before) > OWN_VALUES:
        return None
    shares = {factor: _among(now / factor, before) for known in CONVERSIONS for factor in (known, 1 / known)}
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] >= CONVERTED else None


def _among(values: np.ndarray, known: np.ndarray) -> float:
    """The share of values that are known ones, to the last digits."""
    places = np.clip(np.searchsorted(known, values), 1, len(known) - 1)
    nearest = np.minimum(np.abs(known[places] - values), np.abs(known[places - 1] - values))
    return float((nearest <= 1e-9 * np.abs(values)).mean())


def _without_zeros(before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A field that is mostly 0: the others, as long as there are as many as ever."""
    kept = before[before != 0], now[now != 0]
    same = abs(len(kept[0]) / len(before) - len(kept[1]) / len(now)) < 0.15
    return kept if same and min(map(len, kept)) >= 5 else (np.zeros(0), np.zeros(0))


FINDER = Finder(50, find)
