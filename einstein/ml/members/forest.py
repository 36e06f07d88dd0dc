"""Extremely randomised trees (Geurts et al. 2006), grown by scikit-learn and kept as LightGBM's text, which scores and explains.

LightGBM evaluates any tree written in its format; so a forest is stored without pickle, scores fast, and gets exact tree SHAP.
"""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
from flaml import tune
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from einstein.ml.members.base import Member, Practice, two_columns
from einstein.ml.members.tree_text import Tree, TreeText, written

MISSING = np.float32(-1e30)  # blank goes below every number
FLOOR = 1e-4  # no forest is ever quite sure
LOG_ODDS_FLOOR = 0.02
MOST_LEAVES = 600  # a tree, about: exact contributions cost leaves times depth squared
BATCH = 20  # trees grown between two looks at the clock


class Forest(TreeText):
    kind, title = "extra_tree", "Random trees"
    estimator: Any = None

    @classmethod
    def space(cls, records: int) -> dict[str, Any]:
        return {"features": tune.uniform(0.1, 1.0), "least": tune.lograndint(1, 20)}

    def fit(self, features: np.ndarray, target: np.ndarray, config: dict[str, Any], practice: Practice) -> Forest:
        kind = ExtraTreesRegressor if self.job.task == "regression" else ExtraTreesClassifier
        least = max(int(config["least"]), len(features) // MOST_LEAVES)
        self.estimator = kind(
            n_estimators=BATCH, warm_start=True, max_features=float(config["features"]), min_samples_leaf=least,
            random_state=practice.seed, n_jobs=practice.threads,
        )  # fmt: skip
        filled = _filled(features)
        for trees in range(BATCH, int(config.get("trees", 80)) + 1, BATCH):
            self.estimator.set_params(n_estimators=trees)
            self.estimator.fit(filled, target)
            if practice.late:
                break
        return self

    def predict(self, features: np.ndarray, threads: int = 0) -> np.ndarray:
        if self.estimator is None:
            sums = self._sums(features, threads)
            if self.job.task == "regression":
                return sums[:, 0]
            return _floored(two_columns(sums[:, 0]) if self.job.task == "binary" else sums)
        self.estimator.set_params(n_jobs=threads or self.job.cores)
        if self.job.task == "regression":
            return self.estimator.predict(_filled(features))
        whole = np.zeros((len(features), self.job.classes))
        whole[:, self.estimator.classes_.astype(int)] = self.estimator.predict_proba(_filled(features))
        return _floored(whole)

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        """Contributions to the probability, brought to log-odds by its slope there."""
        found = super().contributions(features, output)
        if self.job.task == "regression":
            return found
        column = np.ones(len(output), dtype=int) if self.job.task == "binary" else output
        chance = np.clip(self.predict(features)[np.arange(len(column)), column], LOG_ODDS_FLOOR, 1 - LOG_ODDS_FLOOR)
        return found / (chance * (1 - chance))[:, None]

    def freeze(self) -> Member:
        if self.estimator is not None:
            self.booster = lightgbm.Booster(model_str=as_text(self.estimator, self.job.task, self.job.classes))
            self.estimator = None
        return self


def as_text(forest: Any, task: str, classes: int) -> str:
    """A scikit-learn forest in LightGBM's text format; the raw score is the mean number or the mean probability."""
    columns = range(classes) if task == "multiclass" else [1 if task == "binary" else 0]
    trees = []
    for grown in forest.estimators_:
        tree = grown.tree_
        values = _values(tree, task, getattr(forest, "classes_", None), classes) / len(forest.estimators_)
        always = np.ones(tree.node_count, dtype=bool)
        trees += [
            Tree(
                tree.feature,
                tree.threshold,
                always,
                tree.children_left,
                tree.children_right,
                values[:, column],
                tree.n_node_samples,
            )
            for column in columns
        ]
    return written(trees, forest.n_features_in_, len(columns), "")


def _values(tree: Any, task: str, present: Any, classes: int) -> np.ndarray:
    """(nodes, outputs) mean number, or share of each class."""
    if task == "regression":
        return tree.value[:, 0, :]
    whole = np.zeros((tree.node_count, classes))
    whole[:, present.astype(int)] = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True)
    return whole


def _floored(chances: np.ndarray) -> np.ndarray:
    kept = np.maximum(chances, FLOOR)
    return kept / kept.sum(axis=1, keepdims=True)


def _filled(features: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(features), MISSING, features).astype("float32")
