"""How fields go together: each field's part that the others do not explain, and the score's part that the fields do not.

A field shuffled, or scores turned round, look right one by one; only their company gives them away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from einstein.ml.columns import Column
from einstein.ml.schema import FieldSpec
from einstein.ml.watch.gauges.base import Gauge, Measured, Stat, measured
from einstein.ml.watch.gauges.category import CategoryGauge
from einstein.ml.watch.gauges.number import NumberGauge
from einstein.ml.watch.table import Values

ONE_HOT = 8  # answers of a field that get a column
LEAST_EXPLAINED = 0.15  # of a field's variance by the others; below, there is no company to lose
RIDGE = 1e-2
CAP = 0.98  # quantile at which a record's distance is cut, so that single records do not carry the mean
MOST_COLUMNS = 400
TREES, LEAVES = 60, 16
FOLDS = 4
LEAST_ROWS = 200


class MeanGauge(Gauge):
    """A gauge of one mean that is computed elsewhere: `usual` and `sd` over single records are given."""

    def __init__(self, spec: FieldSpec, stats: dict[str, tuple[float, float]], known: int, least: float) -> None:
        super().__init__(spec)
        self.stats = [Stat(name, least * sd, mean=True) for name, (_, sd) in stats.items()]
        self.usual = np.array([usual for usual, _ in stats.values()])
        self.sd = np.array([max(sd, 1e-9) for _, sd in stats.values()])
        self.known = np.full(len(stats), float(known))
        self.is_mean = np.ones(len(stats), dtype=bool)
        self.least = np.array([stat.least for stat in self.stats])
        self.trial = np.zeros(len(stats), dtype=bool)
        self.common = np.ones(len(stats), dtype=bool)

    def of(self, rows: dict[str, np.ndarray]) -> Measured:
        """The means of values over single records, {stat: (records,)}."""
        return measured(
            {name: (float(values.mean()), float(len(values))) for name, values in rows.items() if len(values)},
            self.stats,
        )


@dataclass
class Encoding:
    """Fields as columns of numbers around zero: ranks of numbers, one column for each common answer."""

    gauges: list[Gauge]

    def blocks(self) -> list[int]:
        """How many columns each field gets."""
        return [len(gauge.levels[:ONE_HOT]) if isinstance(gauge, CategoryGauge) else 1 for gauge in self.gauges]

    def matrix(self, batch: dict[str, Values], rows: int) -> np.ndarray:
        """(records, columns); a field that is not there is 0 throughout."""
        parts = []
        for gauge, width in zip(self.gauges, self.blocks(), strict=True):
            values = batch.get(gauge.field)
            parts.append(np.zeros((rows, width)) if values is None else _block(gauge, values.column, width))
        return np.hstack(parts) if parts else np.zeros((rows, 0))


def _block(gauge: Gauge, column: Column, width: int) -> np.ndarray:
    if isinstance(gauge, NumberGauge):
        places = gauge.ranks.of(np.nan_to_num(column.values)) - 0.5
        return np.where(np.isnan(column.values), 0.0, places)[:, None]
    assert isinstance(gauge, CategoryGauge)
    place = {level: number for number, level in enumerate(gauge.levels[:width])}
    moved = np.array([place.get(level, -1) for level in column.levels] + [-1])[column.codes]
    return (moved[:, None] == np.arange(width)[None, :]).astype("float64")


class Company:
    """Linear company of fields: `fit` on the reference, then each field's unexplained part per record.

    The residual of a block given the rest is X P_b P_bb^-1 with P the inverse covariance (Whittaker 1990, "Graphical Models").
    """

    def __init__(self, gauges: list[Gauge]) -> None:
        self.encoding = Encoding(
            [
                gauge
                for gauge in gauges
                if isinstance(gauge, NumberGauge) or (isinstance(gauge, CategoryGauge) and gauge.levels)
            ]
        )
        self.gauges: list[MeanGauge] = []

    def fit(self, batch: dict[str, Values], rows: int) -> Company:
        """Learn on the reference; below 200 records or beyond 400 columns nothing is learnt."""
        widths = self.encoding.blocks()
        if rows < LEAST_ROWS or sum(widths) > MOST_COLUMNS or len(widths) < 2:
            return self
        x = self.encoding.matrix(batch, rows)
        self.centre, self.scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
        x = (x - self.centre) / self.scale
        blocks = _blocks(widths)
        whole = _maps(x, blocks)
        self.places, self.covariance = (
            dict(zip([gauge.field for gauge in self.encoding.gauges], blocks, strict=True)),
            x.T @ x / rows,
        )
        # How far records lie from what their company foretells is told on records that the maps do not know.
        halves = np.arange(rows) % 2 == 0
        crossed = [_maps(x[~halves], blocks), _maps(x[halves], blocks)]
        self.maps, self.caps = [], []
        for place, gauge in enumerate(self.encoding.gauges):
            parts = np.where(halves, _squares(x @ crossed[0][place]), _squares(x @ crossed[1][place]))
            explained = 1 - parts.mean() / widths[place]
            cap = float(np.quantile(parts, CAP))
            parts = np.minimum(parts, cap)
            if explained >= LEAST_EXPLAINED and cap > 0:
                self.maps.append(whole[place])
                self.caps.append(cap)
                self.gauges.append(
                    MeanGauge(gauge.spec, {"relation": (float(parts.mean()), float(parts.std()))}, rows, 0.25)
                )
        return self

    def measure(self, batch: dict[str, Values], rows: int) -> list[Measured]:
        """One figure a gauge; none where nothing was learnt."""
        if not self.gauges:
            return []
        x = (self.encoding.matrix(batch, rows) - self.centre) / self.scale
        return [
            gauge.of({"relation": np.minimum(_squares(x @ to_residual), cap)})
            for gauge, to_residual, cap in zip(self.gauges, self.maps, self.caps, strict=True)
        ]

    def stranger(self, batch: dict[str, Values], rows: int, suspects: list[str]) -> str:
        """Which of some fields lost its company: the one whose ties to all others changed most."""
        x = (self.encoding.matrix(batch, rows) - self.centre) / self.scale
        change = np.abs(x.T @ x / rows - self.covariance)

        def lost(name: str) -> float:
            block = self.places[name]
            return float(sum(change[block, other].max() for field, other in self.places.items() if field != name))

        return max(suspects, key=lost)


def _blocks(widths: list[int]) -> list[slice]:
    edges = np.cumsum([0, *widths])
    return [slice(edges[place], edges[place + 1]) for place in range(len(widths))]


def _maps(x: np.ndarray, blocks: list[slice]) -> list[np.ndarray]:
    """Per block, what takes records to the part of it that the other blocks do not explain."""
    inverse = np.linalg.inv(x.T @ x / len(x) + RIDGE * np.eye(x.shape[1]))
    return [inverse[:, block] @ np.linalg.inv(inverse[block, block]) for block in blocks]


def _squares(residual: np.ndarray) -> np.ndarray:
    return (residual**2).sum(axis=1)


class ScoreCompany:
    """The score as the fields foretell it: a small LightGBM learns the score's rank on the reference, out of fold."""

    def __init__(self, gauges: list[Gauge], score: NumberGauge | None) -> None:
        self.gauges = [gauge for gauge in gauges if isinstance(gauge, NumberGauge | CategoryGauge)]
        self.score = score
        self.gauge: MeanGauge | None = None

    def fit(self, batch: dict[str, Values], values: Values, seed: int = 0) -> ScoreCompany:
        """Learn on the reference; where fields hardly foretell the score, nothing is learnt."""
        known = ~np.isnan(values.column.values)
        rows = int(known.sum())
        if self.score is None or rows < LEAST_ROWS or not self.gauges or self.score.ranks.rank_sd < 0.05:
            return self
        x = self.matrix(batch, len(known))[known]
        y = self.score.ranks.of(values.column.values[known])
        fold = np.random.default_rng(seed).integers(0, FOLDS, rows)
        guess = np.zeros(rows)
        for number in range(FOLDS):
            guess[fold == number] = _fitted(x[fold != number], y[fold != number], seed).predict(
                x[fold == number], num_threads=1
            )
        rest = y - guess
        self.model = _fitted(x, y, seed)
        explained = 1 - rest.var() / max(y.var(), 1e-9)
        if explained < LEAST_EXPLAINED:
            return self
        size = np.abs(rest)
        spec = self.score.spec
        self.gauge = MeanGauge(
            spec,
            {
                "level given the fields": (float(rest.mean()), float(rest.std())),
                "distance from the fields": (float(size.mean()), float(size.std())),
            },
            rows,
            0.5,
        )
        return self

    def measure(self, batch: dict[str, Values], values: Values) -> Measured | None:
        """How far the scores of a batch lie from what its fields foretell."""
        known = ~np.isnan(values.column.values)
        if self.gauge is None or self.score is None or not known.any():
            return None
        x = self.matrix(batch, len(known))[known]
        rest = self.score.ranks.of(values.column.values[known]) - np.asarray(self.model.predict(x, num_threads=1))
        return self.gauge.of({"level given the fields": rest, "distance from the fields": np.abs(rest)})

    def matrix(self, batch: dict[str, Values], rows: int) -> np.ndarray:
        """Fields as trees take them, (records, fields); NaN where blank or not there."""
        columns = [
            _plain(gauge, batch[gauge.field].column) if gauge.field in batch else np.full(rows, np.nan)
            for gauge in self.gauges
        ]
        return np.column_stack(columns)


def _plain(gauge: Gauge, column: Column) -> np.ndarray:
    if isinstance(gauge, NumberGauge):
        return column.values
    assert isinstance(gauge, CategoryGauge)
    # Answers by how common they are: near enough to an order for trees.
    place = {level: float(number) for number, level in enumerate(gauge.level_shares)}
    return np.array([place.get(level, np.nan) for level in column.levels] + [np.nan])[column.codes]


def _fitted(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
    settings = {
        "objective": "regression",
        "num_leaves": LEAVES,
        "learning_rate": 0.1,
        "min_data_in_leaf": 20,
        "verbosity": -1,
        "num_threads": 1,  # beside busy neighbours two threads wait for each other far longer than they save
        "seed": seed,
        "deterministic": True,
    }
    return lightgbm.train(settings, lightgbm.Dataset(x, y), TREES)
