"""The records that two tables share by key, and how far a field of one agrees with a field of the other."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from einstein.ml.columns import as_arrow, text_codes
from einstein.ml.types.base import clean_text

FEWEST_COMPARED = 20
GLANCED = 64  # records: of fields that agree in four of five, fewer than half agree once in ten million times


class SameRecords:
    """`before` and `sample` are tables of strings; `key` and `came_key` name their records. Of repeated keys the first counts."""

    def __init__(self, before: pd.DataFrame, key: str, sample: pd.DataFrame, came_key: str) -> None:
        self._before, self._sample = before, sample
        known, came = _places(before[key]), _places(sample[came_key])
        shared = [name for name in known if name in came]
        self._rows_before = np.array([known[name] for name in shared], dtype=int)
        self._rows_sample = np.array([came[name] for name in shared], dtype=int)
        self._numbers: dict[str, int] = {}  # of every value seen, the same in all fields
        self.of_before = cache(lambda name: self._numbered(before[name], self._rows_before))
        self.of_sample = cache(lambda name: self._numbered(sample[name], self._rows_sample))

    def plainly_agree(self, name: str, came: str, least: float) -> bool:
        """Whether a kappa of at least `least` is sure already from how the values are written; cheap, and true of nearly every field."""
        if not len(self._rows_before):
            return False
        one = as_arrow(self._before[name]).take(self._rows_before).fill_null("")
        two = as_arrow(self._sample[came]).take(self._rows_sample).fill_null("")
        same = pc.mean(pc.equal(one, two)).as_py()
        # Agreement by chance is the product of the two fields' shares, which is at most this (Cauchy and Schwarz).
        chance = np.prod([np.linalg.norm(values.value_counts().field("counts")) / len(one) for values in (one, two)])
        return bool(chance < 1 and (same - chance) / (1 - chance) >= least)

    def agreement(self, name: str, came: str) -> tuple[float, int, int] | None:
        """(Cohen's kappa, records that agree, records compared) of a field of `before` and one of `sample`; None when that says nothing."""
        if len(self._rows_before) < FEWEST_COMPARED:
            return None
        one, two = self.of_before(name), self.of_sample(came)
        shares, others = (np.bincount(field, minlength=len(self._numbers)) / len(one) for field in (one, two))
        if np.count_nonzero(shares) < 2:
            return None
        same, chance = int((one == two).sum()), float(shares @ others)
        return (same / len(one) - chance) / (1 - chance), same, len(one)

    def may_agree(self, name: str, came: str) -> bool:
        """Whether two fields hold the same in half of the first records; asked before the dearer question, as pairs are many."""
        one, two = self.of_before(name)[:GLANCED], self.of_sample(came)[:GLANCED]
        return bool(len(one)) and float((one == two).mean()) >= 0.5

    def _numbered(self, values: pd.Series, rows: np.ndarray) -> np.ndarray:
        """Each of some rows' value as a number, (rows,); blank is a value like others."""
        codes, levels = text_codes(values)
        numbers = np.array(
            [self._numbers.setdefault(value, len(self._numbers)) for value in (*map(_plain, levels), "")]
        )
        return numbers[codes[rows]]


def _places(keys: pd.Series) -> dict[str, int]:
    """The first row of each key."""
    found: dict[str, int] = {}
    for row, key in enumerate(clean_text(keys)):
        if key is not None:
            found.setdefault(key, row)
    return found


def _plain(text: str) -> str:
    """A value by which two notations agree: numbers by what they say, the rest without case."""
    try:
        return repr(float(text.replace(",", ".")))
    except ValueError:
        return text.casefold()
