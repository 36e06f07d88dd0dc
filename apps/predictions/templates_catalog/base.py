"""What a template is: a question with parts that have a meaning, how they are found among a table's fields, and a sample to try."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

NUMBERS = frozenset({"number", "quantity", "money", "percent"})
ANSWERS = frozenset({"yes_no", "category"})
NAMES = frozenset({"id", "text", "category", "email", "phone", "number", "quantity"})


@dataclass(frozen=True)
class Part:
    """One thing with a meaning that a field of the user's table plays.

    `role` is what is done with it: key, outcome, started (the time that orders records) or owner (who is told).
    `hints` are names by which people call it, the most telling first, each of one or more words; `types` are the field types it may have.
    `answers` are values that such a field holds.
    """

    name: str
    title: str
    words: str
    role: str
    hints: Sequence[str]
    types: frozenset[str]
    answers: frozenset[str] = frozenset()
    required: bool = False


@dataclass(frozen=True)
class Outcome:
    """What is recommended as the outcome. `positives` are answers that get a high score, the most telling first.

    Where the field is a number and a yes or no is asked for, `rule` says from when on it is a yes: (operator, value).
    """

    kind: str  # binary, regression, multiclass
    positives: Sequence[str] = ()
    rule: tuple[str, str] | None = None


@dataclass(frozen=True)
class Template:
    """A ready-made prediction. `score` and `bands` are the words for its scores; `sample` makes records to try it with."""

    kind: str
    title: str
    icon: str
    order: int
    noun: str
    questions: Sequence[str]
    words: str  # what it is good for, and what a record is
    parts: Sequence[Part]
    outcome: Outcome
    score: str
    bands: dict[str, str]
    sample: Callable[[], pd.DataFrame]
    sample_words: str
    hindsight: Sequence[str] = field(default=())  # names of fields that are filled only afterwards


class Dice:
    """Made records: the same ones each time, with causes that a model can find and chance that it cannot."""

    def __init__(self, rows: int, seed: int) -> None:
        self.rows, self.chance = rows, np.random.default_rng(seed)

    def pick(self, **shares: float) -> np.ndarray:
        """One of several words by their shares; an underscore stands for a blank."""
        names, weights = [name.replace("_", " ") for name in shares], np.array(list(shares.values()), dtype=float)
        return self.chance.choice(names, self.rows, p=weights / weights.sum())

    def whole(self, low: float, high: float) -> np.ndarray:
        return self.chance.integers(low, high, self.rows)

    def skewed(self, typical: float, spread: float = 0.6) -> np.ndarray:
        """Amounts as business has them: many small, few large."""
        return typical * np.exp(self.chance.normal(0, spread, self.rows))

    def happens(self, logit: np.ndarray) -> np.ndarray:
        """True with the chance that belongs to each logit."""
        return self.chance.random(self.rows) < 1 / (1 + np.exp(-logit))

    def days(self, first: str, last: str) -> pd.Series:
        """Dates between two, in order."""
        begin, end = pd.Timestamp(first), pd.Timestamp(last)
        offsets = np.sort(self.chance.integers(0, (end - begin).days, self.rows))
        return pd.Series(begin + pd.to_timedelta(offsets, unit="D"))

    def keys(self, prefix: str) -> list[str]:
        return [f"{prefix}-{1001 + number}" for number in range(self.rows)]


def with_open_end(table: pd.DataFrame, outcome: str, open_records: int) -> pd.DataFrame:
    """The table with the outcome of its last records still open: those are the ones to score."""
    table[outcome] = table[outcome].astype(object)
    table.loc[table.index[-open_records:], outcome] = None
    return table
