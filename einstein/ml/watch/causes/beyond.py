"""Values outside the usual range."""

from __future__ import annotations

import numpy as np

from einstein.ml.watch.causes.base import Cause, Finder, Sight
from einstein.ml.watch.gauges.number import NumberGauge
from einstein.ml.watch.wording import day, number, percent


def find(sight: Sight, others: list[Sight]) -> Cause | None:
    """Numbers outside the outer range, or dates long before or after."""
    for name, words in (("before", "lie long before"), ("after", "lie far after")):
        if name in sight.loud:
            ranks = sight.gauge.ranks  # type: ignore[attr-defined]
            return Cause(
                "range",
                f"{percent(sight.share(name))} of the dates of {sight.field} {words} those of training ({day(ranks.least)} to {day(ranks.greatest)}).",
            )
    if (
        not ({"below", "above", "far"} & sight.loud)
        or not isinstance(sight.gauge, NumberGauge)
        or _moved_as_a_whole(sight)
    ):
        return None
    ranks, share = sight.gauge.ranks, sight.share("below") + sight.share("above")
    worst = sight.filled[np.argmax(np.abs(sight.filled - ranks.mean))]
    usual = sight.usual("below") + sight.usual("above")
    return Cause(
        "range",
        f"{sight.field} lies outside its usual {number(ranks.low)} to {number(ranks.high)} in {percent(share)} of the records instead of {percent(usual)}; the farthest is {number(float(worst))}.",
        gross=share > 0.3,
    )


def _moved_as_a_whole(sight: Sight) -> bool:
    """Whether all of the field went one way, and only its front is beyond the range."""
    shift = abs(sight.share("rank") - sight.usual("rank"))
    return (
        "rank" in sight.loud
        and shift > 0.08
        and "far" not in sight.loud
        and sight.share("below") + sight.share("above") < 0.6
    )


FINDER = Finder(90, find)
