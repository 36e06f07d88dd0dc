"""The records that two tables share by key, and how far a field of one agrees with a field of the other."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from einstein.ml.columns import text_codes
from einstein.ml.types.base import clean_text

FEWEST_COMPARED = 20


class SameRecords:
    """`before` and `sample` are tables of strings; `key` and `came_key` name their records. Of repeated keys the first counts."""

    def __init__(self, before: pd.DataFrame, key: str, sample: pd.DataFrame, came_key: str) -> None:
        self._before, self._sample = before, sample
        known, came = _places(before[key]), _places(sample[came_key])
        shared = [name for name in known if name in came]
        self._rows_before = np.array([known[name] for name in shared], dtype=int)
        self._rows_sample = np.array([came[name] for name in shared], dtype=int)
        self._levels_before = cache(lambda name: _coded(before[name], self._rows_before))
        self._levels_sample = cache(lambda name: _coded(sample[name], self._rows_sample))

    def agreement(self, name: str, came: str) -> tuple[float, int, int] | None:
        """(Cohen's kappa, records that agree, records compared) of a field of `before` and one of `sample`; None when that says nothing."""
        if len(self._rows_before) < FEWEST_COMPARED:
            return None
        places: dict[str, int] = {}
        one, two = (
            np.array([places.setdefault(value, len(places)) for value in levels])[codes]
            for codes, levels in (self._levels_before(name), self._levels_sample(came))
        )
        shares, others = (np.bincount(field, minlength=len(places)) / len(one) for field in (one, two))
        if np.count_nonzero(shares) < 2:
            return None
        same, chance = int((one == two).sum()), float(shares @ others)
        return (same / len(one) - chance) / (1 - chance), same, len(one)


def _places(keys: pd.Series) -> dict[str, int]:
    """The first row of each key."""
    found: dict[str, int] = {}
    for row, key in enumerate(clean_text(keys)):
        if key is not None:
            found.setdefault(key, row)
    return found


def _coded(values: pd.Series, rows: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """(codes, levels) of some rows; blank is a level of its own, the last one, which -1 points to."""
    codes, levels = text_codes(values)
    return codes[rows], [*map(_plain, levels), ""]


def _plain(text: str) -> str:
    """A value by which two notations agree: numbers by what they say, the rest without case."""
    try:
        return repr(float(text.replace(",", ".")))
    except ValueError:
        return text.casefold()
