"""Contributions at the speed of a look-up: exact tree SHAP, spread over the leaves that records fall into.

Exact SHAP costs hundreds of microseconds a record. Here each leaf of some hundred trees of the model holds one number a field, and
a record's effects are the sums over its leaves. Where a leaf alone settles what its tree contributes (CatBoost's) the numbers are
exact. What these leave open, the other trees, is the ridge regression of exact SHAP values (sampled records, fields) on which
leaves the records are in, solved by conjugate gradients. `make bench-explain` measures both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from einstein.ml.members.base import Job
from einstein.ml.part import Part

MOST_EXACT, MOST_LEARNT = 400, 150  # trees whose leaves hold exact numbers, and learnt ones
MOST_NUMBERS = 8_000_000  # in the tables of all classes
LEAST_LEARNT = 40  # trees of one member
PENALTY = 5.0
STEPS = 30
LEAST_SAMPLE, MOST_SAMPLE = 60, 4000
COUNTED_SAMPLE = 1500
LEAST_OF_CLASS = 30  # sampled records of a class for learning from it alone
CHUNK = 4000
ARRAYS = ("sizes", "tables", "means")


@dataclass
class Explainer:
    """`trees`: (number of the part, how many of its trees); `sizes`: leaves of each tree; `tables`: (outputs, leaves, fields).

    `means` (outputs, fields) are what a record has before any leaf.
    """

    trees: list[tuple[int, int]]
    sizes: np.ndarray
    tables: np.ndarray
    means: np.ndarray

    def effects(self, parts: list[Part], features: np.ndarray, output: np.ndarray) -> np.ndarray:
        """(records, fields): how each field moves each record's class `output` (or number) away from the average."""
        found = np.empty((len(features), self.tables.shape[2]), dtype="float32")
        for start in range(0, len(features), CHUNK):
            part = slice(start, start + CHUNK)
            cells = self.cells(parts, features[part])
            found[part] = _looked_up(cells, self.tables, output[part]) + self.means[output[part]]
        return found

    def cells(self, parts: list[Part], features: np.ndarray) -> np.ndarray:
        """(records, trees): each record's places in the tables."""
        found = (parts[number].member.leaves(features, count) for number, count in self.trees)
        return _cells_of(np.hstack([leaves for leaves in found if leaves is not None]), self.sizes)

    def to_json(self) -> dict[str, Any]:
        return {"trees": [list(pair) for pair in self.trees]}

    def arrays(self) -> dict[str, np.ndarray]:
        return {f"explainer/{name}": getattr(self, name) for name in ARRAYS}

    @classmethod
    def from_json(cls, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Explainer:
        kept = [arrays.pop(f"explainer/{name}") for name in ARRAYS]
        return cls([(number, count) for number, count in data["trees"]], *kept)


@dataclass(frozen=True)
class _Share:
    """The first trees of a part: leaves of each, and the leaves' exact numbers (outputs, leaves, fields) where there are such."""

    number: int
    sizes: np.ndarray
    table: np.ndarray | None = None


def fit_explainer(
    parts: list[Part], fold: np.ndarray, features: np.ndarray, output: np.ndarray, seconds: float | None, job: Job
) -> Explainer | None:
    """Fill the tables for all parts but those whose exact contributions cost next to nothing; None when there are no others.

    `fold` (features, fields) says which field each feature's effect goes to; `features` (records, features) are those to learn
    from, `output` (records,) the class each is explained for (0 throughout for two classes and numbers). `seconds` bounds the
    time for exact contributions; None takes a fixed sample, so that the outcome depends on the seed alone.
    """
    rows = np.random.default_rng(job.seed).permutation(len(features))[:MOST_SAMPLE]
    shares = _exact_shares(parts, fold, job)
    if sum(parts[share.number].weight for share in shares) < 0.5 * sum(part.weight for part in parts):
        shares += _learnt_shares(parts, {share.number for share in shares}, features[rows], job)
    if not shares:
        return None
    sizes = np.concatenate([share.sizes for share in shares])
    tables = np.zeros((job.outputs, int(sizes.sum()), fold.shape[1]), dtype="float32")
    explainer = Explainer(
        [(share.number, len(share.sizes)) for share in shares], sizes, tables, np.zeros_like(tables[:, 0])
    )
    start = 0
    for share in shares:
        end = start + int(share.sizes.sum())
        if share.table is not None:
            tables[:, start:end] = share.table
        start = end
    exact = [share for share in shares if share.table is not None]
    others = [
        part for number, part in enumerate(parts)
        if not part.member.plain and number not in {share.number for share in exact}
    ]  # fmt: skip
    told = _within(lambda chosen: _exact(others, fold, features[chosen], output[chosen]), rows, seconds)
    rows = rows[: len(told)]
    for share in exact:
        part = parts[share.number]
        later = part.member.contributions_after(len(share.sizes), features[rows], output[rows])
        if later is not None:
            told += part.step * later @ fold
    if told.any():
        _learn(explainer, explainer.cells(parts, features[rows]), told, output[rows])
    return explainer


def _exact(parts: list[Part], fold: np.ndarray, features: np.ndarray, output: np.ndarray) -> np.ndarray:
    """(records, fields) exact contributions of some parts together."""
    return sum((part.contributions(features, output) for part in parts), np.zeros(features.shape)) @ fold


def _exact_shares(parts: list[Part], fold: np.ndarray, job: Job) -> list[_Share]:
    """As many trees as fit of the parts whose leaves settle everything, by weight."""
    left = min(MOST_EXACT, MOST_NUMBERS // (64 * job.outputs * fold.shape[1]))
    shares = []
    exact = [number for number in _heaviest(parts) if parts[number].member.leaf_effects(1, len(fold)) is not None]
    for place, number in enumerate(exact):
        asked = round(left * parts[number].weight / sum(parts[other].weight for other in exact[place:]))
        told = parts[number].member.leaf_effects(asked, len(fold)) if asked else None
        if told is not None:
            sizes, effects = told
            shares.append(_Share(number, sizes, parts[number].step * effects @ fold))
            left -= len(sizes)
    return shares


def _learnt_shares(parts: list[Part], taken: set[int], features: np.ndarray, job: Job) -> list[_Share]:
    """The heaviest other parts' trees. A leaf none of the records is in shares a last, empty one of its tree."""
    shares, left = [], MOST_LEARNT
    for number in _heaviest(parts):
        leaves = parts[number].member.leaves(features, left) if number not in taken and left >= LEAST_LEARNT else None
        if leaves is not None and leaves.shape[1]:
            shares.append(_Share(number, leaves.max(axis=0).astype("int64") + 2))
            left -= leaves.shape[1]
    return shares


def _heaviest(parts: list[Part]) -> list[int]:
    return np.argsort([-part.weight for part in parts], kind="stable").tolist()


def _learn(explainer: Explainer, cells: np.ndarray, rest: np.ndarray, output: np.ndarray) -> None:
    """Add to the tables what the leaves tell of `rest` (records, fields): for each class from its own records, if these are enough."""

    def learnt(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = rest[rows].mean(axis=0).astype("float32")
        matrix = _indicator(cells[rows], explainer.tables.shape[1])
        return mean, _ridge(matrix, (rest[rows] - mean).astype("float32"))

    everybody = np.ones(len(output), dtype=bool)
    common = learnt(everybody)
    for number in range(len(explainer.tables)):
        mine = output == number
        mean, table = learnt(mine) if LEAST_OF_CLASS <= mine.sum() < len(mine) else common
        explainer.means[number] += mean
        explainer.tables[number] += table


def _looked_up(cells: np.ndarray, tables: np.ndarray, output: np.ndarray) -> np.ndarray:
    """(records, fields) sums over each record's cells in its class's table."""
    if len(cells) == 1:
        return tables[output[0]][cells[0]].sum(axis=0, dtype="float64")[None, :]
    matrix = _indicator(cells, tables.shape[1])
    found = np.empty((len(cells), tables.shape[2]), dtype="float32")
    for number in np.unique(output):
        rows = output == number
        found[rows] = (matrix if rows.all() else matrix[rows]) @ tables[number]
    return found


def _cells_of(leaves: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    found = np.minimum(leaves, (sizes - 1).astype("int32"))
    found += np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype("int32")
    return found


def _within(contributions: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, seconds: float | None) -> np.ndarray:
    """Exact contributions of as many of the rows as fit into the time: ever larger pieces, as a call has a cost of its own."""
    if seconds is None:
        return contributions(rows[:COUNTED_SAMPLE])
    began, found, size = time.monotonic(), contributions(rows[:LEAST_SAMPLE]), LEAST_SAMPLE
    while len(found) < len(rows):
        start, passed = len(found), time.monotonic() - began
        if passed * (start + size) / start > seconds:
            break
        found = np.vstack([found, contributions(rows[start : start + size])])
        size *= 2
    return found


def _indicator(cells: np.ndarray, width: int) -> csr_matrix:
    count, each = cells.shape
    return csr_matrix(
        (np.ones(count * each, dtype="float32"), cells.ravel(), np.arange(0, count * each + 1, each, dtype="int32")),
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
