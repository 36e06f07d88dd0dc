"""Two fields that hold what the other held."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from einstein.ml.types import field_type
from einstein.ml.types.numbers import to_number
from einstein.ml.watch.causes.base import Cause, Finder, Sight
from einstein.ml.watch.gauges.category import CategoryGauge
from einstein.ml.watch.gauges.date import DateGauge
from einstein.ml.watch.gauges.number import NumberGauge
from einstein.ml.watch.gauges.ranks import Ranks
from einstein.ml.watch.gauges.text import TextGauge

SWAP_GAIN = 0.35  # two fields are swapped when each is that much nearer to the other's past than to its own
NEAR = 0.3  # and no farther than this from it
MOST, HARDLY = 0.9, 0.1  # shares of records
SAME_FORM = 0.2  # by which the form of texts may differ, in shares of records and ranks of length


def find(sight: Sight, others: list[Sight]) -> Cause | None:
    """Another alarming field whose past fits this one, and the other way round."""
    other = next((other for other in others if _are_swapped(sight, other)), None)
    if other is None:
        return None
    words = f"{sight.field} and {other.field} seem to be swapped: each holds what the other held in training."
    return Cause("swapped", words)


def _are_swapped(one: Sight, other: Sight) -> bool:
    if type(one.gauge) is not type(other.gauge):
        return _strayed(one, other) or _strayed(other, one) or _told(one, other) or _told(other, one)
    if isinstance(one.gauge, CategoryGauge):
        return _told(one, other) or _nearer(one, other, _levels_distance)
    return isinstance(one.gauge, NumberGauge | DateGauge) and _nearer(one, other, _numbers_distance)


def _nearer(one: Sight, other: Sight, distance: Callable[[Sight, Sight], float]) -> bool:
    """Whether each is much nearer to the other's past than to its own."""
    crossed = max(distance(one, other), distance(other, one))
    return crossed < min(distance(one, one), distance(other, other)) * (1 - SWAP_GAIN) and crossed < NEAR


def _told(answers: Sight, other: Sight) -> bool:
    """Whether answers are now those of the other field, or look like its texts, and hardly any its own; and the other way round."""
    if not isinstance(answers.gauge, CategoryGauge) or not isinstance(other.gauge, CategoryGauge | TextGauge):
        return False
    if _held(other, answers) < MOST or max(_held(answers, answers), _held(other, other)) > HARDLY:
        return False
    return _looks_like(answers, other.gauge) if isinstance(other.gauge, TextGauge) else _held(answers, other) >= MOST


def _looks_like(now: Sight, texts: TextGauge) -> bool:
    """Whether a field's values are as long, as often blank and of such characters as the texts were."""
    form = np.array([stat.name not in {"repeated", "known words"} for stat in texts.stats])
    return bool(np.nanmax(np.abs(texts.measure(now.values).means - texts.usual)[form]) <= SAME_FORM)


def _held(now: Sight, before: Sight) -> float:
    """The share of one field's filled records whose answer another's reference held."""
    gauge = before.gauge
    known = gauge.level_shares if isinstance(gauge, CategoryGauge) else gauge.shares  # type: ignore[attr-defined]
    column = now.values.column
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
    held = sum(int(count) for level, count in zip(column.levels, counts, strict=True) if count and level in known)
    return held / max(1, int(counts.sum()))


def _strayed(answers: Sight, numbers: Sight) -> bool:
    """Whether the answers of one field are now what the other, of numbers or dates, used to hold, and the other way round."""
    if not isinstance(answers.gauge, CategoryGauge) or not isinstance(numbers.gauge, NumberGauge | DateGauge):
        return False
    unseen = answers.found.facts.get("unseen", {})
    kind, options = field_type(numbers.gauge.spec.type), numbers.gauge.spec.options
    readable = sum(share for level, share in unseen.items() if kind.parse_one(level, options) is not None)
    if readable < 0.7:
        return False
    known = {to_number(level) for level in answers.gauge.level_shares} - {None}
    return numbers.share("unreadable") > 0.5 or bool(
        len(numbers.filled) and np.isin(numbers.filled, np.array(list(known), dtype="float64")).mean() > 0.7
    )


def _numbers_distance(now: Sight, before: Sight) -> float:
    """Kolmogorov and Smirnov's distance between one field's batch and another's reference."""
    ranks: Ranks = before.gauge.ranks  # type: ignore[attr-defined]
    if not len(now.filled):
        return 1.0
    ordered = np.sort(now.filled)
    points = np.unique(
        np.concatenate([ordered[:: max(1, len(ordered) // 400)], ranks.ordered[:: max(1, len(ranks.ordered) // 400)]])
    )
    ours = np.searchsorted(ordered, points, side="right") / len(ordered)
    theirs = np.searchsorted(ranks.ordered, points, side="right") / len(ranks.ordered)
    return float(np.abs(ours - theirs).max())


def _levels_distance(now: Sight, before: Sight) -> float:
    """Total variation between one field's batch and another's reference."""
    shares, usual = now.found.facts.get("share", {}), before.gauge.level_shares  # type: ignore[attr-defined]
    return 0.5 * sum(abs(shares.get(level, 0.0) - usual.get(level, 0.0)) for level in {*shares, *usual})


FINDER = Finder(5, find)  # it explains all that is told of either field
