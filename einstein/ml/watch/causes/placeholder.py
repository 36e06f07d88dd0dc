"""A value that stands for "nothing here", or any one value repeated."""

from __future__ import annotations

import numpy as np

from einstein.ml.watch.causes.base import Cause, Finder, Sight
from einstein.ml.watch.causes.unseen import newest
from einstein.ml.watch.gauges.category import CategoryGauge
from einstein.ml.watch.gauges.date import DateGauge
from einstein.ml.watch.gauges.number import NumberGauge
from einstein.ml.watch.gauges.ranks import Ranks
from einstein.ml.watch.wording import number, percent, shown

PLACEHOLDERS = {-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, 9.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0, 9999999.0, 99999999.0, 0.0}  # fmt: skip
PLACEHOLDER_TEXTS = {"n/a", "na", "none", "null", "unknown", "missing", "?", "-", "xxx", "tbd", "-999", "999", "9999", "test", "default", "other"}  # fmt: skip
LUMP = 0.6  # of the values beyond the range are one value


def find(sight: Sight, others: list[Sight]) -> Cause | None:
    """One value that was rare and is not, or that lies alone beyond the range."""
    if "repeated" not in sight.loud and "new" not in sight.loud:
        return lump_beyond(sight)
    if isinstance(sight.gauge, CategoryGauge):
        unseen = sight.found.facts.get("unseen", {})
        value = newest(sight) if unseen else ""
        if value.lower() not in PLACEHOLDER_TEXTS:
            return None
        return _placeholder_words(sight, f"“{value}”", unseen[value], 0.0)
    value, share, usual = sight.found.facts["repeated"], sight.share("repeated"), sight.usual("repeated")
    if isinstance(value, str):
        if value.strip().lower() not in PLACEHOLDER_TEXTS:
            return Cause(
                "repeated",
                f"“{value[:60]}” stands in {percent(share)} of the records of {sight.field} instead of {percent(usual)}: one value repeated.",
            )
        return _placeholder_words(sight, f"“{value}”", share, usual)
    ranks: Ranks = sight.gauge.ranks  # type: ignore[attr-defined]
    beyond = value < ranks.low or value > ranks.high
    if isinstance(sight.gauge, DateGauge) or value in PLACEHOLDERS or beyond:
        return _placeholder_words(sight, shown(value, isinstance(sight.gauge, DateGauge)), share, usual)
    return Cause(
        "repeated",
        f"{shown(value, isinstance(sight.gauge, DateGauge))} stands in {percent(share)} of the records of {sight.field} instead of {percent(usual)}: one value repeated.",
    )


def lump_beyond(sight: Sight) -> Cause | None:
    """What lies beyond the usual range is one and the same value."""
    if not isinstance(sight.gauge, NumberGauge) or not ({"below", "above", "far"} & sight.loud):
        return None
    ranks = sight.gauge.ranks
    beyond = sight.filled[(sight.filled < ranks.least) | (sight.filled > ranks.greatest)]
    values, counts = np.unique(beyond, return_counts=True)
    if not len(beyond) or counts.max() < LUMP * len(beyond) or len(beyond) > 0.9 * len(sight.filled):
        return None
    value = float(values[np.argmax(counts)])
    if counts.max() < (2 if value in PLACEHOLDERS else 3):
        return None
    return _placeholder_words(sight, number(value), len(beyond) / len(sight.filled), 0.0)


def _placeholder_words(sight: Sight, value: str, share: float, usual: float) -> Cause:
    was = f" instead of {percent(usual)}" if usual > 0.005 else ""
    return Cause(
        "sentinel",
        f"{value} stands in {percent(share)} of the records of {sight.field}{was}. It looks like a placeholder (a sentinel) for missing values.",
    )


FINDER = Finder(70, find)
