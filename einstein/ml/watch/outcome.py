"""A field of a reference as the outcome that the scores foretell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import rankdata

from einstein.ml.auc import auc
from einstein.ml.schema import FieldSpec
from einstein.ml.watch.table import Batch

FORETOLD = 0.6  # area under the curve from which a field of two answers may be what the score foretells
FORETOLD_NUMBER = 0.4  # the same as a rank correlation, for numbers


@dataclass
class Outcome:
    """A field that may be what came true: `values` (records,) as 0 and 1 or numbers with NaN for blank, `positive` the answer that counts as 1."""

    field: str
    binary: bool
    positive: str
    strength: float
    values: np.ndarray

    def of(self, table: Batch) -> np.ndarray:
        """The outcomes of a batch, (records,)."""
        return _numbers(table, self.field, self.positive if self.binary else None)


def outcome_of(table: Batch, name: str, score: np.ndarray) -> Outcome | None:
    """The field as an outcome when the score, (records,), foretells it; else None."""
    texts = table.text(name)
    answers = (
        [answer for answer in pc.unique(pc.drop_null(texts)).to_pylist() if answer.strip()] if _few(table, name) else []
    )
    if len(answers) == 2:
        positive = max(answers, key=lambda answer: float(np.nanmean(score[_is(texts, answer)])))
        values = _numbers(table, name, positive)
        known = ~np.isnan(values) & ~np.isnan(score)
        strength = auc(values[known], score[known])
        return Outcome(name, True, positive, strength, values) if strength >= FORETOLD else None
    values = _numbers(table, name, None)
    known = ~np.isnan(values) & ~np.isnan(score)
    if known.mean() < 0.5 or len(np.unique(values[known])) < 10:
        return None
    strength = float(np.corrcoef(rankdata(values[known]), rankdata(score[known]))[0, 1])
    return Outcome(name, False, "", strength, values) if strength >= FORETOLD_NUMBER else None


def _few(table: Batch, name: str) -> bool:
    return pc.count_distinct(table.columns[name]).as_py() <= 3


def _is(texts: pa.Array, answer: str) -> np.ndarray:
    return np.asarray(pc.fill_null(pc.equal(texts, answer), False).to_numpy(zero_copy_only=False), dtype=bool)


def _numbers(table: Batch, name: str, positive: str | None) -> np.ndarray:
    """1 for the positive answer and 0 for others, or the field as numbers; NaN for blank."""
    if positive is None:
        return table.read(FieldSpec(name, "number")).column.values
    texts = table.text(name)
    return np.where(np.asarray(pc.is_null(texts)), np.nan, _is(texts, positive).astype("float64"))
