"""Values that cannot be read as what they were."""

from __future__ import annotations

import numpy as np

from einstein.ml.watch.causes.base import Cause, Finder, Sight, made_room
from einstein.ml.watch.gauges.date import DateGauge
from einstein.ml.watch.gauges.number import NumberGauge
from einstein.ml.watch.wording import number, percent

ONE_TEXT = 0.8  # of the unreadable values are one text
OFTEN = 0.02  # the share from which a value is missed when it goes


def find(sight: Sight, others: list[Sight]) -> Cause | None:
    """Filled values that are no number or date."""
    if "unreadable" not in sight.loud:
        return None
    text, part = sight.values.commonest_unreadable() or ("", 0.0)
    share = sight.share("unreadable")
    gone = _vanished(sight, part * share) if part >= ONE_TEXT else None
    if gone is not None:
        return Cause(
            "renamed",
            f"{number(gone)} has vanished from {sight.field} and “{text[:40]}” stands in {percent(part * share)} of the records, which is no number. It looks as if the answer was renamed.",
        )
    kind = "date" if isinstance(sight.gauge, DateGauge) else "number"
    such = f", such as “{text[:40]}”" if text else ""
    words = f"{percent(share)} of the values of {sight.field} cannot be read as a {kind}{such}. The way they are written has changed."
    return Cause("unreadable", words)


def _vanished(sight: Sight, now: float) -> float | None:
    """The number that came often, is gone, and was about as common as the text that came."""
    if not isinstance(sight.gauge, NumberGauge):
        return None
    ranks, filled = sight.gauge.ranks, sight.filled
    often = ranks.shares >= OFTEN
    known, shares = ranks.different[often], ranks.shares[often] * (1 - sight.usual("blank"))
    rows = len(sight.values.column)
    left = np.array([(filled == value).sum() / rows for value in known])
    fits = made_room(shares, left, now, rows, ranks.records)
    return float(known[fits][np.argmin(np.abs(shares[fits] - now))]) if fits.any() else None


FINDER = Finder(40, find)
