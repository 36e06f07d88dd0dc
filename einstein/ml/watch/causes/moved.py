"""Whatever is left: the field has moved, is spread otherwise, or comes in another mix."""

from __future__ import annotations

import numpy as np

from einstein.ml.watch.causes.base import Cause, Finder, Sight
from einstein.ml.watch.gauges.category import CategoryGauge
from einstein.ml.watch.gauges.date import DateGauge
from einstein.ml.watch.gauges.number import NumberGauge
from einstein.ml.watch.wording import number, percent


def find(sight: Sight, others: list[Sight]) -> Cause | None:
    """The direction, the spread or the mix, whichever alarms."""
    if isinstance(sight.gauge, CategoryGauge):
        changes = {
            level: sight.found.facts.get("share", {}).get(level, 0.0) - usual
            for level, usual in sight.gauge.level_shares.items()
        }
        level = max(changes, key=lambda name: abs(changes[name]), default="")
        now = sight.found.facts.get("share", {}).get(level, 0.0)
        return Cause(
            "mix",
            f"The answers of {sight.field} come in another mix: “{level}” in {percent(now)} of the records instead of {percent(sight.gauge.level_shares.get(level, 0.0))}.",
            gross=False,
        )
    if isinstance(sight.gauge, NumberGauge):
        ranks, now = sight.gauge.ranks, float(np.median(sight.filled))
        usual = float(ranks.quantiles[2])
        if sight.loud == {"whole"}:
            return Cause(
                "rounding",
                f"{percent(sight.share('whole'))} of the values of {sight.field} are whole numbers instead of {percent(sight.usual('whole'))}. They look rounded, or no longer so.",
            )
        if "rank" in sight.loud and now != usual:
            way = "higher" if sight.share("rank") > sight.usual("rank") else "lower"
            return Cause(
                "moved",
                f"{sight.field} has moved {way}: its middle value is {number(now)} instead of {number(usual)}.",
                gross=False,
            )
        low, high = np.quantile(sight.filled, [0.25, 0.75])
        return Cause(
            "spread",
            f"{sight.field} is spread otherwise: the middle half lies between {number(low)} and {number(high)} instead of {number(ranks.quantiles[1])} and {number(ranks.quantiles[3])}.",
            gross=False,
        )
    if isinstance(sight.gauge, DateGauge):
        return Cause("moved", f"The dates of {sight.field} are spread otherwise than before.", gross=False)
    names = ", ".join(sorted(sight.loud))
    return Cause("form", f"The texts of {sight.field} look otherwise than in training ({names}).", gross=False)


FINDER = Finder(100, find)
