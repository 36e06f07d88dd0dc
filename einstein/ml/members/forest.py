"""Extremely randomised trees, kept as plain arrays and walked by numpy.

Contributions are the changes of the mean along each record's path (Saabas 2014), scaled to log-odds for classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from flaml.automl.model import ExtraTreesEstimator
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from einstein.ml.members.base import Member

MISSING = -1e30  # blank goes below every number; scikit-learn would refuse NaN in some trees
PROBABILITY_FLOOR = 0.02


class Forest(Member):
    kind, title, suffix = "extra_tree", "Random trees", ".npz"

    def fit(self, features: np.ndarray, target: np.ndarray, config: dict[str, Any]) -> Forest:
        params = ExtraTreesEstimator(task=self.job.task, n_jobs=self.job.threads or -1, **config).params
        kind = ExtraTreesRegressor if self.job.task == "regression" else ExtraTreesClassifier
        known = {key: value for key, value in params.items() if key in kind().get_params()}
        known |= {"random_state": self.job.seed, "n_jobs": self.job.threads or -1}
        self._keep(kind(**known).fit(_filled(features), target))
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        total = np.zeros((len(features), self.values.shape[1]))
        filled = _filled(features)
        for root in self.roots:
            total += self.values[self._leaves(filled, root)]
        mean = total / len(self.roots)
        return mean[:, 0] if self.job.task == "regression" else mean

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        column = (
            np.zeros(len(features), dtype=int)
            if self.job.task == "regression"
            else _class_column(output, self.job.task)
        )
        found = np.zeros(features.shape)
        filled, rows = _filled(features), np.arange(len(features))
        for root in self.roots:
            node = np.full(len(features), root)
            going = rows
            while len(going):
                here = node[going]
                below = self._step(filled[going], here)
                moved = self.values[below, column[going]] - self.values[here, column[going]]
                np.add.at(found, (going, self.feature[here]), moved)
                node[going] = below
                going = going[self.feature[below] >= 0]
        found /= len(self.roots)
        if self.job.task == "regression":
            return found
        chance = np.clip(self.predict(features)[rows, column], PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
        return found / (chance * (1 - chance))[:, None]

    def save(self, path: Path) -> None:
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                feature=self.feature,
                threshold=self.threshold,
                left=self.left,
                right=self.right,
                values=self.values,
                roots=self.roots,
            )

    def load(self, path: Path) -> Forest:
        with np.load(path, allow_pickle=False) as stored:
            self.feature, self.threshold = stored["feature"], stored["threshold"]
            self.left, self.right = stored["left"], stored["right"]
            self.values, self.roots = stored["values"], stored["roots"]
        return self

    def _keep(self, forest: Any) -> None:
        trees = [estimator.tree_ for estimator in forest.estimators_]
        offsets = np.cumsum([0, *(tree.node_count for tree in trees)])
        self.roots = offsets[:-1].astype("int64")
        self.feature = np.concatenate([np.where(tree.children_left >= 0, tree.feature, -1) for tree in trees]).astype(
            "int32"
        )
        self.threshold = np.concatenate([tree.threshold for tree in trees])
        self.left = np.concatenate(
            [tree.children_left + start for tree, start in zip(trees, offsets[:-1], strict=True)]
        ).astype("int64")
        self.right = np.concatenate(
            [tree.children_right + start for tree, start in zip(trees, offsets[:-1], strict=True)]
        ).astype("int64")
        values = np.concatenate([tree.value[:, 0, :] for tree in trees])
        self.values = values if self.job.task == "regression" else values / values.sum(axis=1, keepdims=True)

    def _leaves(self, filled: np.ndarray, root: int) -> np.ndarray:
        node = np.full(len(filled), root)
        going = np.arange(len(filled)) if self.feature[root] >= 0 else np.arange(0)
        while len(going):
            node[going] = self._step(filled[going], node[going])
            going = going[self.feature[node[going]] >= 0]
        return node

    def _step(self, filled: np.ndarray, node: np.ndarray) -> np.ndarray:
        value = filled[np.arange(len(node)), self.feature[node]]
        return np.where(value <= self.threshold[node], self.left[node], self.right[node])


def _class_column(output: np.ndarray, task: str) -> np.ndarray:
    """A binary job explains its second class."""
    return np.ones(len(output), dtype=int) if task == "binary" else output


def _filled(features: np.ndarray) -> np.ndarray:
    """Blank below every number, in the float32 that scikit-learn's trees compare with."""
    return np.where(np.isnan(features), MISSING, features).astype("float32")
