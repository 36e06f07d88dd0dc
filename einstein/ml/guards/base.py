"""What a guard is, what it sees, and what it says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from einstein.ml.auc import auc
from einstein.ml.columns import Column
from einstein.ml.features.encoder import read_columns
from einstein.ml.outcome import Outcome
from einstein.ml.schema import FieldSpec

GROUPS = 25
LEAST_IN_GROUP = 5


@dataclass(frozen=True)
class Finding:
    """One field with a reason to leave it out (`certain`) or to ask about it."""

    field: str
    kind: str
    certain: bool
    reason: str
    strength: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Subject:
    """The sampled records under inspection: fields read once, outcome, and what guards found out so far (`out`: left out)."""

    specs: list[FieldSpec]
    columns: dict[str, Column]
    outcome: Outcome
    target: np.ndarray
    seed: int
    time_field: str | None = None
    scored: dict[str, Column] | None = None
    out: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        specs: list[FieldSpec],
        outcome: Outcome,
        rows: np.ndarray,
        seed: int,
        time_field: str | None,
        to_score: pd.DataFrame | None,
    ) -> Subject:
        scored = read_columns(to_score, specs) if to_score is not None else None
        return cls(specs, read_columns(table, specs), outcome, outcome.target[rows], seed, time_field, scored)

    @property
    def fields(self) -> Iterator[tuple[FieldSpec, Column]]:
        """The fields that no guard has left out yet."""
        return ((spec, self.columns[spec.name]) for spec in self.specs if spec.name not in self.out)

    @cached_property
    def hits(self) -> list[np.ndarray]:
        """(records,) indicators of the answers that matter: the positive one of two, each of several; [] for numbers."""
        if self.outcome.task == "regression":
            return []
        first = 1 if self.outcome.task == "binary" else 0
        found = [(self.target == number).astype(float) for number in range(first, len(self.outcome.classes))]
        return [hit for hit in found if 0 < hit.sum() < len(hit)]

    @cached_property
    def strengths(self) -> dict[str, float]:
        """How well each field predicts by itself."""
        return {spec.name: alone(self.columns[spec.name], self) for spec in self.specs}

    def rest(self, name: str) -> float:
        """The strength of the strongest other field that is still in, scaled so that 0 is guessing."""
        others = [
            self.lift(strength) for other, strength in self.strengths.items() if other != name and other not in self.out
        ]
        return max(others, default=0.0)

    def lift(self, strength: float) -> float:
        """A strength from 0 (guessing) to 1 (perfect)."""
        return strength if self.outcome.task == "regression" else max(0.0, 2 * strength - 1)


class Guard:
    """One reason to leave a field out or to ask about it."""

    name: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[int]
    source: ClassVar[str]  # where its thresholds come from

    def look(self, subject: Subject) -> Iterable[Finding]:
        """What it has to say of the fields that are still in."""
        raise NotImplementedError


def alone(column: Column, subject: Subject) -> float:
    """How well one field predicts by itself: cross-fitted AUC of the answer it tells least (0.5 when not at all), or correlation.

    Values are grouped (quantiles or levels, blank on its own), and each record is guessed by its group in the other half.
    """
    groups = groups_of(column)
    half = np.random.default_rng([subject.seed, 71]).random(len(subject.target)) < 0.5
    if subject.outcome.task == "regression":
        target = clipped(subject.target)
        guess = cross_fitted(groups, target, half)
        return float(abs(np.corrcoef(guess, target)[0, 1])) if np.ptp(guess) > 0 else 0.0
    found = [auc(hit, cross_fitted(groups, hit, half)) for hit in subject.hits]
    return float(min(found)) if found else 0.5


def clipped(target: np.ndarray) -> np.ndarray:
    """Numbers cut at their 1 % and 99 % quantiles: one absurd value must not make or hide a correlation."""
    low, high = np.quantile(target, [0.01, 0.99])
    return np.clip(target, low, high).astype(float)


def groups_of(column: Column) -> np.ndarray:
    """Group number of each record: quantiles of a number or date, levels of the rest; blank is a group of its own."""
    if column.numbers is not None:
        blank = np.isnan(column.numbers)
        known = column.numbers[~blank]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, GROUPS + 1)[1:-1])) if len(known) else np.zeros(0)
        return np.where(blank, 0, np.searchsorted(edges, column.numbers, side="right") + 1)
    counts = np.bincount(column.codes + 1, minlength=1)
    return np.where(counts[column.codes + 1] >= LEAST_IN_GROUP, column.codes + 1, len(counts))


def cross_fitted(groups: np.ndarray, hit: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Each record's guess is the mean of its group in the other half."""
    guess = np.empty(len(hit))
    for here in (half, ~half):
        learn = ~here
        overall = hit[learn].mean() if learn.any() else 0.0
        sums = np.bincount(groups[learn], weights=hit[learn], minlength=groups.max() + 1)
        counts = np.bincount(groups[learn], minlength=groups.max() + 1)
        guess[here] = ((sums + overall) / (counts + 1))[groups[here]]
    return guess
