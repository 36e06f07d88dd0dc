"""Values that cannot be read as what they were."""

from __future__ import annotations

from einstein.ml.watch.causes.base import Cause, Finder, Sight
from einstein.ml.watch.gauges.date import DateGauge
from einstein.ml.watch.wording import percent


def find(sight: Sight, others: list[Sight]) -> Cause | None:
    """Filled values that are no number or date."""
    if "unreadable" not in sight.loud:
        return None
    kind = "date" if isinstance(sight.gauge, DateGauge) else "number"
    return Cause(
        "unreadable",
        f"{percent(sight.share('unreadable'))} of the values of {sight.field} cannot be read as a {kind}. The way they are written has changed.",
    )


FINDER = Finder(40, find)
