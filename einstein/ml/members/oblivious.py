"""CatBoost's trees as plain arrays: one record's leaves without the cost of a pool, and exact contributions leaf by leaf.

CatBoost asks the same question at every node of a level, so a leaf alone tells the answer to every question of its tree, and the
exact tree SHAP (Lundberg et al. 2020) of a tree is one number a feature and leaf: it can be looked up.
"""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

CELLS = 4_000_000  # numbers held at once while contributions are worked out


@dataclass
class ObliviousTrees:
    """`feature`, `border` (trees, deepest) of each level, deepest bit last; `places` (trees,) each one's first leaf in `values`.

    `values` (leaves of all trees, outputs) are unscaled; `cover` (leaves,) weighs them; a sum is scaled and moved by `bias`.
    """

    depth: np.ndarray
    feature: np.ndarray
    border: np.ndarray
    places: np.ndarray
    values: np.ndarray
    cover: np.ndarray
    scale: float
    bias: np.ndarray

    @classmethod
    def of(cls, model: Any) -> ObliviousTrees:
        """Read from CatBoost's own JSON."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.json"
            model.save_model(str(file), format="json")
            told = json.loads(file.read_text())
        flat = [feature["flat_feature_index"] for feature in told["features_info"]["float_features"]]
        trees = told["oblivious_trees"]
        depth = np.array([len(tree["splits"] or []) for tree in trees])
        feature = np.zeros((len(trees), int(depth.max(initial=0))), dtype="int64")
        border = np.full(feature.shape, np.inf, dtype="float32")  # levels that are not there answer no
        for number, tree in enumerate(trees):
            for level, split in enumerate(tree["splits"] or []):
                feature[number, level] = flat[split["float_feature_index"]]
                border[number, level] = split["border"]
        places = np.concatenate([[0], np.cumsum(2**depth)[:-1]]).astype("int64")
        values = np.concatenate(
            [np.reshape(tree["leaf_values"], (2**deep, -1)) for tree, deep in zip(trees, depth.tolist(), strict=True)]
        )
        cover = np.concatenate([np.array(tree["leaf_weights"], dtype="float64") for tree in trees])
        scale, bias = told["scale_and_bias"]
        return cls(depth, feature, border, places, values, cover, scale, np.array(bias))

    def leaves_of_one(self, record: np.ndarray) -> np.ndarray:
        """(trees,) the leaves one record (features,) falls into. A blank answers no: CatBoost holds it to be below every number."""
        with np.errstate(invalid="ignore"):
            yes = record[self.feature] > self.border
        return yes @ (1 << np.arange(yes.shape[1], dtype="int32"))

    def sums_of_one(self, record: np.ndarray) -> np.ndarray:
        """(1, outputs), bit for bit what CatBoost answers: it adds tree after tree, where a pairwise sum would round otherwise."""
        cells = self.leaves_of_one(record) + self.places
        return self.values[cells].cumsum(axis=0)[-1:] * self.scale + self.bias

    def effects(self, trees: np.ndarray, features: int) -> list[np.ndarray]:
        """Of each of the numbered trees (outputs, leaves, features) exact contributions, path-dependent as CatBoost's own are."""
        found = [np.zeros((self.values.shape[1], 2**deep, features)) for deep in self.depth[trees].tolist()]
        for deep in np.unique(self.depth[trees]).tolist():
            alike = np.flatnonzero(self.depth[trees] == deep)
            at_once = max(1, CELLS // (4**deep * self.values.shape[1]))
            for start in range(0, len(alike), at_once):
                some = alike[start : start + at_once]
                cells = self.places[trees[some]][:, None] + np.arange(2**deep)
                expected = _expected(self.values[cells] * self.scale, self.cover[cells], deep)
                for number, place in enumerate(some.tolist()):
                    players, effects = _effects(expected[:, number], self.feature[trees[place], :deep].tolist())
                    found[place][:, :, players] = effects
        return found


def _effects(expected: np.ndarray, asked: list[int]) -> tuple[list[int], np.ndarray]:
    """(features, (outputs, leaves, those features)) of one tree that asks about these features, level after level."""
    players = list(dict.fromkeys(asked))
    masks = [
        sum(1 << level for level, feature in enumerate(asked) if coalition >> players.index(feature) & 1)
        for coalition in range(2 ** len(players))
    ]
    effects = np.tensordot(_shapley(len(players)), expected[masks], axes=1)  # (players, leaves, outputs)
    return players, effects.transpose(2, 1, 0)


def _expected(values: np.ndarray, cover: np.ndarray, deep: int) -> np.ndarray:
    """(sets of known levels, trees, leaves, outputs): what is expected of a leaf's records when only those levels are known.

    `values` (trees, leaves, outputs), `cover` (trees, leaves). A level that is not known is averaged by the cover of both sides,
    from the deepest level up; the last bit of a leaf's number is the first level.
    """
    shape = (len(values), *(2,) * deep)
    expected = []
    for known in range(2**deep):
        mean, weight = values.reshape(*shape, -1), cover.reshape(*shape, 1)
        for axis in range(deep, 0, -1):
            whole = weight.sum(axis=axis, keepdims=True)
            if not known >> (deep - axis) & 1:
                mean = (weight * mean).sum(axis=axis, keepdims=True) / np.where(whole > 0, whole, 1.0)
            weight = whole
        expected.append(np.broadcast_to(mean, (*shape, values.shape[2])).reshape(values.shape))
    return np.array(expected)


@lru_cache
def _shapley(players: int) -> np.ndarray:
    """(players, coalitions): Shapley values (1953) as a linear map of what each coalition is worth."""
    weights = np.zeros((players, 2**players))
    for player in range(players):
        for coalition in range(2**players):
            if not coalition >> player & 1:
                size = coalition.bit_count()
                share = math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
                weights[player, coalition | 1 << player] += share
                weights[player, coalition] -= share
    return weights
