"""Two fields that hold what the other held."""

from __future__ import annotations

import numpy as np

from einstein.ml.types import field_type
from einstein.ml.types.numbers import to_number
from einstein.ml.watch.causes.base import Cause, Finder, Sight
from einstein.ml.watch.gauges.category import CategoryGauge
from einstein.ml.watch.gauges.date import DateGauge
from einstein.ml.watch.gauges.number import NumberGauge
from einstein.ml.watch.gauges.ranks import Ranks

SWAP_GAIN = 0.35  # two fields are swapped when each is that much nearer to the other's past than to its own


def find(sight: Sight, others: list[Sight]) -> Cause | None:
    """Another alarming field whose past fits this one, and the other way round."""
    for other in others:
        if type(other.gauge) is not type(sight.gauge):
            if _strayed(sight, other) or _strayed(other, sight):
                return Cause(
                    "swapped",
                    f"{sight.field} and {other.field} seem to be swapped: each holds what the other held in training.",
                )
            continue
        if isinstance(sight.gauge, NumberGauge | DateGauge):
            own, crossed = (
                _numbers_distance(sight, sight),
                (_numbers_distance(sight, other), _numbers_distance(other, sight)),
            )
            own_other = _numbers_distance(other, other)
        elif isinstance(sight.gauge, CategoryGauge):
            own, crossed = (
                _levels_distance(sight, sight),
                (_levels_distance(sight, other), _levels_distance(other, sight)),
            )
            own_other = _levels_distance(other, other)
        else:
            continue
        if max(crossed) < min(own, own_other) * (1 - SWAP_GAIN) and max(crossed) < 0.3:
            return Cause(
                "swapped",
                f"{sight.field} and {other.field} seem to be swapped: each holds what the other held in training.",
            )
    return None


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


FINDER = Finder(30, find)
