"""A field that holds one value in every record."""

from __future__ import annotations

import numpy as np

from einstein.ml.watch.causes.base import Cause, Finder, Sight
from einstein.ml.watch.gauges.date import DateGauge
from einstein.ml.watch.gauges.number import NumberGauge
from einstein.ml.watch.wording import shown


def find(sight: Sight, others: list[Sight]) -> Cause | None:
    """One value in all filled records."""
    value = _only_value(sight)
    is_date = isinstance(sight.gauge, DateGauge)
    if value is None or (is_date and "repeated" not in sight.loud):
        return None
    return Cause("constant", f"{sight.field} is {shown(value, is_date)} in every record. In training it varied.")


def _only_value(sight: Sight) -> float | str | None:
    """The one value of all filled records, if there is but one and there were more before."""
    if isinstance(sight.gauge, NumberGauge | DateGauge):
        filled = sight.filled
        return (
            float(filled[0])
            if len(filled) > 1 and np.ptp(filled) == 0 and len(sight.gauge.ranks.different) > 1
            else None
        )
    column = sight.values.column
    different = np.unique(column.codes[column.codes >= 0])
    return column.levels[different[0]] if len(different) == 1 else None


FINDER = Finder(20, find)
