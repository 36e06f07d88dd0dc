"""Answers out of a set: a column a level where there are few; where there are many, what each level's records turned out as.

Both are one table from level to numbers. Statistics are smoothed means of the outcome (Micci-Barreca 2001, "A preprocessing
scheme for high-cardinality categorical attributes"), cross-fitted while learning, and the level's frequency.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from einstein.ml.columns import Column
from einstein.ml.features.kinds import FOLDS, Kind, Rule, fold_of

ONE_HOT_LEVELS = 12  # up to here one column a level; above, statistics
FREQUENT = 8  # of many levels, this many get a column of their own
LEAST_LEVEL_COUNT = 3
MOST_NUMBERED = 500  # levels with a number of their own
SMOOTHING = 15.0  # records of the overall mean mixed into each level's mean


class CategoryKind(Kind):
    """Few levels: one 0/1 column each (two levels need one, in which blank is NaN)."""

    name = "category"

    def fit(self, column: Column, targets: np.ndarray, seed: int) -> tuple[Rule, dict[str, np.ndarray]]:
        return one_hot_table(sorted(_present(column))), {}

    def apply(self, column: Column, rule: Rule, arrays: dict[str, np.ndarray]) -> np.ndarray:
        return looked_up(column, rule)

    def one(self, value: Any, rule: Rule, arrays: dict[str, np.ndarray]) -> list[float]:
        return rule["blank"] if value is None else rule["levels"].get(value, rule["unseen"])


class StatisticsKind(CategoryKind):
    """Many levels. The last column is the level's own number, most frequent first, for families that split by sets of levels."""

    name, supervised = "statistics", True

    def fit(self, column: Column, targets: np.ndarray, seed: int) -> tuple[Rule, dict[str, np.ndarray]]:
        counts = np.bincount(column.codes + 1, minlength=len(column.levels) + 1)
        prior, means = level_means(column.codes + 1, targets, len(column.levels) + 1)
        order = np.argsort(-counts[1:], kind="stable").tolist()
        frequent = [i for i in order[:FREQUENT] if counts[1 + i] >= max(20, 0.01 * len(column))]
        numbers = {i: float(number) for number, i in enumerate(order[:MOST_NUMBERED])}
        marks = np.eye(len(frequent)).tolist()
        none = [0.0] * len(frequent)
        levels = {
            column.levels[i]: [
                *means[1 + i],
                float(np.log1p(counts[1 + i])),
                *(marks[frequent.index(i)] if i in frequent else none),
                numbers.get(i, float("nan")),
            ]
            for i in range(len(column.levels))
            if counts[1 + i] >= LEAST_LEVEL_COUNT
        }
        unseen = [*prior, 0.0, *none, float("nan")]
        blank = (
            [*means[0], float(np.log1p(counts[0])), *none, float("nan")] if counts[0] >= LEAST_LEVEL_COUNT else unseen
        )
        return {"levels": levels, "unseen": unseen, "blank": blank}, {}

    def learn(
        self, column: Column, targets: np.ndarray, seed: int, rule: Rule, arrays: dict[str, np.ndarray]
    ) -> np.ndarray:
        block = looked_up(column, rule)
        folds = fold_of(len(column), seed)
        groups = column.codes + 1
        for fold in range(FOLDS):
            hold = folds == fold
            _, means = level_means(groups[~hold], targets[~hold], len(column.levels) + 1)
            block[hold, : targets.shape[1]] = np.array(means)[groups[hold]]
        return block


def level_means(groups: np.ndarray, targets: np.ndarray, size: int) -> tuple[list[float], list[list[float]]]:
    """(overall means, smoothed means of each group); a group with fewer than three records gets the overall means."""
    prior = targets.mean(axis=0) if len(targets) else np.zeros(targets.shape[1])
    counts = np.bincount(groups, minlength=size).astype(float)
    sums = np.column_stack([np.bincount(groups, weights=column, minlength=size) for column in targets.T])
    means = (sums + SMOOTHING * prior) / (counts[:, None] + SMOOTHING)
    means[counts < LEAST_LEVEL_COUNT] = prior
    return prior.tolist(), means.tolist()


def one_hot_table(levels: list[str]) -> Rule:
    if len(levels) == 2:
        return {"levels": {levels[0]: [0.0], levels[1]: [1.0]}, "unseen": [float("nan")], "blank": [float("nan")]}
    marks = np.eye(len(levels)).tolist()
    none = [0.0] * len(levels)
    return {"levels": dict(zip(levels, marks, strict=True)), "unseen": none, "blank": none}


def looked_up(column: Column, rule: Rule) -> np.ndarray:
    """(records, features): each record's level in the rule's table."""
    rows = [rule["levels"].get(level, rule["unseen"]) for level in column.levels] + [rule["blank"]]
    table = np.array(rows, dtype="float64").reshape(len(rows), len(rule["blank"]))
    return table[column.codes]


def _present(column: Column) -> list[str]:
    seen = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
    return [level for level, count in zip(column.levels, seen, strict=True) if count]
