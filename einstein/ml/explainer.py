"""Contributions at the speed of a look-up: exact tree SHAP of a sample, spread over the leaves that its records fall into.

Exact SHAP costs hundreds of microseconds a record. Here each leaf of up to 200 trees of the model holds one number a field, and
a record's effects are the sums over its leaves. The numbers are the ridge regression of exact SHAP values (sampled records,
fields) on which leaves the records are in, solved by conjugate gradients. It works for any blend with trees in it, as the
regression is on the blend's own SHAP values; a model without trees is explained exactly. `make bench-explain` measures it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from einstein.ml.members import Member
from einstein.ml.members.base import Job

MOST_TREES = 200
PENALTY = 5.0
STEPS = 30
LEAST_SAMPLE, MOST_SAMPLE = 60, 4000
TIMED = 20  # records explained first, to see what one costs
COUNTED_SAMPLE = 1500
LEAST_OF_CLASS = 30  # sampled records of a class for a table of its own
CHUNK = 20_000
ARRAYS = ("sizes", "tables", "means", "table_of")


@dataclass
class Explainer:
    """`trees`: per used member (its number, how many trees); `sizes`: leaves of each tree; `tables`: (tables, leaves, fields).

    `table_of` (classes,) says which table explains a class: its own, or the first, which was learnt from all sampled records.
    """

    trees: list[tuple[int, int]]
    sizes: np.ndarray
    tables: np.ndarray
    means: np.ndarray
    table_of: np.ndarray

    def effects(self, members: list[Member], features: np.ndarray, output: np.ndarray) -> np.ndarray:
        """(records, fields): how each field moves each record's class `output` (or number) away from the average."""
        found = np.empty((len(features), self.tables.shape[2]), dtype="float32")
        for start in range(0, len(features), CHUNK):
            part = slice(start, start + CHUNK)
            cells = self._cells(members, features[part])
            found[part] = self._summed(cells, self.table_of[output[part]])
        return found

    def to_json(self) -> dict[str, Any]:
        return {"trees": [list(pair) for pair in self.trees]}

    def arrays(self) -> dict[str, np.ndarray]:
        return {f"explainer/{name}": getattr(self, name) for name in ARRAYS}

    @classmethod
    def from_json(cls, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Explainer:
        kept = [arrays.pop(f"explainer/{name}") for name in ARRAYS]
        return cls([(number, count) for number, count in data["trees"]], *kept)

    def _cells(self, members: list[Member], features: np.ndarray) -> np.ndarray:
        return _cells_of(_leaves(members, features, self.trees), self.sizes)

    def _summed(self, cells: np.ndarray, table: np.ndarray) -> np.ndarray:
        if len(cells) == 1:
            return self.tables[table[0]][cells[0]].sum(axis=0, dtype="float64")[None, :] + self.means[table[0]]
        matrix = _indicator(cells, self.tables.shape[1])
        found = np.empty((len(cells), self.tables.shape[2]), dtype="float32")
        for number in np.unique(table):
            rows = table == number
            found[rows] = (matrix if rows.all() else matrix[rows]) @ self.tables[number] + self.means[number]
        return found


def fit_explainer(
    members: list[Member],
    weights: np.ndarray,
    features: np.ndarray,
    contributions: Callable[[np.ndarray], np.ndarray],
    output: np.ndarray,
    seconds: float | None,
    job: Job,
) -> Explainer | None:
    """Learn the leaf tables from `contributions(rows)` -> (rows, fields) exact effects; None when no member has trees.

    `output` (records,) is the class each record is explained for (0 throughout for two classes and numbers). `seconds` bounds
    the time for exact contributions; None takes a fixed sample, so that the outcome depends on the seed alone.
    """
    trees = _choose_trees(members, weights, features[:2])
    if not trees:
        return None
    rows = np.random.default_rng(job.seed).permutation(len(features))[:MOST_SAMPLE]
    exact = _within(contributions, rows, seconds)
    rows = rows[: len(exact)]
    leaves = _leaves(members, features[rows], trees)
    sizes = leaves.max(axis=0).astype("int64") + 2
    cells, width = _cells_of(leaves, sizes), int(sizes.sum())
    groups = [np.ones(len(rows), dtype=bool)]
    table_of = np.zeros(job.outputs, dtype="int64")
    for number in range(job.outputs if job.outputs > 1 else 0):
        mine = output[rows] == number
        if mine.sum() >= LEAST_OF_CLASS:
            table_of[number] = len(groups)
            groups.append(mine)
    means = np.array([exact[mine].mean(axis=0) for mine in groups], dtype="float32")
    tables = [
        _ridge(_indicator(cells[mine], width), (exact[mine] - mean).astype("float32"))
        for mine, mean in zip(groups, means, strict=True)
    ]
    return Explainer(trees, sizes, np.array(tables), means, table_of)


def _cells_of(leaves: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Places in the tables, (records, trees). A leaf no sampled record was in shares the last, empty cell of its tree."""
    return np.minimum(leaves, sizes - 1) + np.concatenate([[0], np.cumsum(sizes)[:-1]])


def _leaves(members: list[Member], features: np.ndarray, trees: list[tuple[int, int]]) -> np.ndarray:
    """(records, trees) of all chosen members."""
    found = (members[number].leaves(features, count) for number, count in trees)
    return np.hstack([leaves for leaves in found if leaves is not None])


def _within(contributions: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, seconds: float | None) -> np.ndarray:
    """Exact contributions of as many of the rows as fit into the time."""
    if seconds is None:
        return contributions(rows[:COUNTED_SAMPLE])
    began = time.monotonic()
    first = contributions(rows[:TIMED])
    each = (time.monotonic() - began) / max(1, len(first))
    count = int(np.clip(seconds / max(each, 1e-6), LEAST_SAMPLE, MOST_SAMPLE))
    return np.vstack([first, contributions(rows[TIMED:count])]) if len(rows) > TIMED and count > TIMED else first


def _choose_trees(members: list[Member], weights: np.ndarray, features: np.ndarray) -> list[tuple[int, int]]:
    """The heaviest members' trees, at most 200 together."""
    chosen, left = [], MOST_TREES
    for number in np.argsort(-weights, kind="stable").tolist():
        leaves = members[number].leaves(features, left) if left >= MOST_TREES // 4 else None
        if leaves is not None and leaves.shape[1]:
            chosen.append((number, leaves.shape[1]))
            left -= leaves.shape[1]
    return chosen


def _indicator(cells: np.ndarray, width: int) -> csr_matrix:
    count, each = cells.shape
    return csr_matrix(
        (np.ones(count * each, dtype="float32"), cells.ravel(), np.arange(0, count * each + 1, each)),
        shape=(count, width),
    )


def _ridge(matrix: csr_matrix, targets: np.ndarray) -> np.ndarray:
    """argmin |matrix w - targets|^2 + PENALTY |w|^2 for each column, by conjugate gradients (Hestenes and Stiefel 1952)."""
    transposed = matrix.T.tocsr()
    found = np.zeros((matrix.shape[1], targets.shape[1]), dtype="float32")
    residual = transposed @ targets
    step, size = residual.copy(), (residual * residual).sum(axis=0)
    for _ in range(STEPS):
        moved = transposed @ (matrix @ step) + PENALTY * step
        length = size / np.maximum((step * moved).sum(axis=0), 1e-20)
        found += length * step
        residual -= length * moved
        fresh = (residual * residual).sum(axis=0)
        step = residual + (fresh / np.maximum(size, 1e-20)) * step
        size = fresh
    return found
