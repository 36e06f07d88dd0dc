"""A gauge: the few shares and means by which one field of a batch is compared with the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from einstein.ml.schema import FieldSpec
from einstein.ml.watch.table import Values

COMMON = 0.02  # a share at least this far from 0 and 1 varies enough from day to day to learn how much


@dataclass(frozen=True)
class Stat:
    """One number of a gauge: a share of records, or the mean of a bounded quantity, and the least change that matters.

    `trial` stats count only once some batches have shown that the field keeps still: dates go on by nature.
    """

    name: str
    least: float
    mean: bool = False
    trial: bool = False


@dataclass
class Measured:
    """A batch by a gauge: `means` (stats,), over `counts` (stats,) records each; where the batch itself chose what to count, `usual` (stats,)
    and the records that rests on, `known` (stats,), else NaN; NaN `known` are those of the reference."""

    means: np.ndarray
    counts: np.ndarray
    usual: np.ndarray
    known: np.ndarray
    facts: dict[str, Any] = field(default_factory=dict)


class Gauge:
    """One field's gauge. `fit` learns the reference; `measure` reads a batch.

    After `fit`: `usual`, `sd` (stats,) are the reference's, `known` (stats,) the records they rest on.
    """

    early = 2.0  # how many times the least change it takes while the stream is still unknown

    def earliness(self) -> np.ndarray:
        """`early` per stat."""
        return np.full(len(self.stats), self.early)

    def __init__(self, spec: FieldSpec) -> None:
        self.spec = spec
        self.stats: list[Stat] = []

    @property
    def field(self) -> str:
        """The name of the field."""
        return self.spec.name

    def place_of(self, name: str) -> int:
        """Where a stat is; raises `StopIteration` for one the gauge does not have."""
        return next(place for place, stat in enumerate(self.stats) if stat.name == name)

    def fit(self, values: Values) -> Gauge:
        """Learn what to count, then count it on the reference itself."""
        self.stats = self.learn(values)
        found = self.measure(values)
        self.usual = np.where(np.isnan(found.means), 0.0, found.means)
        self.known = np.maximum(found.counts, 1.0)
        self.is_mean = np.array([stat.mean for stat in self.stats])
        self.least = np.array([stat.least for stat in self.stats])
        self.trial = np.array([stat.trial for stat in self.stats])
        spread = self.spreads()
        share = np.clip((self.usual * self.known + 0.5) / (self.known + 1), 1e-9, 1 - 1e-9)
        self.sd = np.array([spread.get(stat.name, np.nan) for stat in self.stats])
        self.sd = np.where(self.is_mean, np.maximum(self.sd, 1e-6), np.sqrt(share * (1 - share)))
        self.common = self.is_mean | ((share > COMMON) & (share < 1 - COMMON))
        return self

    def learn(self, values: Values) -> list[Stat]:
        """Fix bins, levels and ranges on the reference; return what will be counted."""
        raise NotImplementedError

    def measure(self, values: Values) -> Measured:
        """Count a batch."""
        raise NotImplementedError

    def spreads(self) -> dict[str, float]:
        """The standard deviation over single records of the stats that are means."""
        return {}


def measured(
    found: Mapping[str, tuple[Any, Any]], stats: list[Stat], usual: dict[str, float] | None = None, **facts: Any
) -> Measured:
    """From {stat: (mean, records)}; a stat not found, or over no records, is NaN over 0."""
    pairs = np.array([found.get(stat.name, (np.nan, 0.0)) for stat in stats], dtype="float64").reshape(len(stats), 2)
    chosen = np.array([(usual or {}).get(stat.name, np.nan) for stat in stats])
    means = np.where(pairs[:, 1] > 0, pairs[:, 0], np.nan)
    return Measured(means, pairs[:, 1], chosen, np.full(len(stats), np.nan), facts)
