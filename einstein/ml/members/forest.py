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
from einstein.ml.members.light_gbm import TreeText

MISSING = np.float32(-1e30)  # blank goes below every number
FLOOR = 1e-4  # no forest is ever quite sure
NAN_GOES_LEFT = 10  # LightGBM's decision type: missing is NaN, default left
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
            found = self._raw(features, threads)
            if self.job.task == "regression":
                return found
            return _floored(two_columns(found) if self.job.task == "binary" else found)
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
    width = forest.n_features_in_
    head = [
        "tree", "version=v4", f"num_class={len(columns)}", f"num_tree_per_iteration={len(columns)}", "label_index=0", f"max_feature_idx={width - 1}",
        "objective=custom", "feature_names=" + " ".join(f"f{i}" for i in range(width)), "feature_infos=" + " ".join(["[-1e308:1e308]"] * width), "",
    ]  # fmt: skip
    blocks: list[str] = []
    for grown in forest.estimators_:
        values = _values(grown.tree_, task, getattr(forest, "classes_", None), classes) / len(forest.estimators_)
        blocks += [
            _tree_text(grown.tree_, values[:, column], len(blocks) + place) for place, column in enumerate(columns)
        ]
    return "\n".join(head) + "\n" + "\n\n".join(blocks) + "\n\n\nend of trees\n"


def _values(tree: Any, task: str, present: Any, classes: int) -> np.ndarray:
    """(nodes, outputs) mean number, or share of each class."""
    if task == "regression":
        return tree.value[:, 0, :]
    whole = np.zeros((tree.node_count, classes))
    whole[:, present.astype(int)] = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True)
    return whole


def _tree_text(tree: Any, value: np.ndarray, number: int) -> str:
    inner = tree.children_left >= 0
    place = np.where(inner, np.cumsum(inner) - 1, -np.cumsum(~inner))  # leaf k is written as -(k + 1)

    def words(array: np.ndarray, form: str = "%d") -> str:
        return " ".join([form % item for item in array.tolist()])

    leaves, nodes = ~inner, np.flatnonzero(inner)
    counts = tree.n_node_samples
    lines = [f"Tree={number}", f"num_leaves={int(leaves.sum())}", "num_cat=0"]
    if len(nodes):
        lines += [
            "split_feature=" + words(tree.feature[nodes]), "split_gain=" + words(np.ones(len(nodes))), "threshold=" + words(tree.threshold[nodes], "%.17g"),
            "decision_type=" + words(np.full(len(nodes), NAN_GOES_LEFT)), "left_child=" + words(place[tree.children_left[nodes]]),
            "right_child=" + words(place[tree.children_right[nodes]]),
        ]  # fmt: skip
    lines += [
        "leaf_value=" + words(value[leaves], "%.17g"),
        "leaf_weight=" + words(counts[leaves]),
        "leaf_count=" + words(counts[leaves]),
    ]
    if len(nodes):
        lines += [
            "internal_value=" + words(value[nodes], "%.10g"),
            "internal_weight=" + words(counts[nodes]),
            "internal_count=" + words(counts[nodes]),
        ]
    return "\n".join([*lines, "is_linear=0", "shrinkage=1"])


def _floored(chances: np.ndarray) -> np.ndarray:
    kept = np.maximum(chances, FLOOR)
    return kept / kept.sum(axis=1, keepdims=True)


def _filled(features: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(features), MISSING, features).astype("float32")
