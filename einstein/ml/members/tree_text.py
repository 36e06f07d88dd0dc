"""Trees of any family in LightGBM's text format: one fast evaluator, one way of exact contributions, no pickle.

Exact contributions are tree SHAP (Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for
trees").
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from einstein.ml.members.base import FEW, Member, pick_output

NAN_LEFT, NAN_RIGHT = 10, 8  # LightGBM's decision types: missing is NaN and goes left, or right
OBJECTIVE_LINES = {
    "binary": "objective=binary sigmoid:1",
    "multiclass": "objective=multiclass num_class:{classes}",
    "regression": "objective=regression",
}


class TreeText(Member):
    """Anything LightGBM can evaluate: the booster is read back from its text, bit for bit what is scored with later."""

    suffix = ".txt"
    booster: lightgbm.Booster

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        found = np.asarray(self.booster.predict(features, pred_contrib=True, num_threads=self.job.threads))
        per_class = found.reshape(len(features), self.job.outputs, -1)[:, :, :-1]
        return pick_output(per_class, output)

    def leaves(self, features: np.ndarray, trees: int) -> np.ndarray | None:
        rounds = max(1, trees // self.job.outputs)
        found = self.booster.predict(
            features, pred_leaf=True, num_iteration=rounds, num_threads=self._threads(features)
        )
        return np.asarray(found, dtype="int32").reshape(len(features), -1)[:, :trees]

    def freeze(self) -> Member:
        self.booster = lightgbm.Booster(model_str=self.booster.model_to_string())
        return self

    def save(self, path: Path) -> None:
        path.write_text(self.booster.model_to_string())

    def load(self, path: Path) -> Member:
        self.booster = lightgbm.Booster(model_str=path.read_text())
        return self

    def _raw(self, features: np.ndarray, threads: int) -> np.ndarray:
        return np.asarray(self.booster.predict(features, num_threads=threads or self._threads(features)))

    def _threads(self, features: np.ndarray) -> int:
        return 1 if len(features) < FEW else self.job.threads


@dataclass
class Tree:
    """One tree as arrays over its nodes, the root first; leaves have `left` -1. `cover` weighs the nodes for contributions."""

    feature: np.ndarray
    threshold: np.ndarray
    nan_left: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    cover: np.ndarray


def written(trees: list[Tree], width: int, outputs: int, objective: str) -> str:
    """LightGBM's text of trees that answer in turn for each of `outputs`; `objective` is "" where raw sums are the answer."""
    head = [
        "tree", "version=v4", f"num_class={outputs}", f"num_tree_per_iteration={outputs}", "label_index=0", f"max_feature_idx={width - 1}",
        *([objective] if objective else []), "feature_names=" + " ".join(f"f{i}" for i in range(width)),
        "feature_infos=" + " ".join(["[-1e308:1e308]"] * width), "",
    ]  # fmt: skip
    blocks = [_block(tree, number) for number, tree in enumerate(trees)]
    return "\n".join(head) + "\n" + "\n\n".join(blocks) + "\n\n\nend of trees\n"


def _block(tree: Tree, number: int) -> str:
    inner: np.ndarray = tree.left >= 0
    place = np.where(inner, np.cumsum(inner) - 1, -1 * np.cumsum(~inner))  # leaf k is written as -(k + 1)
    leaves, nodes = ~inner, np.flatnonzero(inner)
    lines = [f"Tree={number}", f"num_leaves={int(leaves.sum())}", "num_cat=0"]
    if len(nodes):
        lines += [
            "split_feature=" + _words(tree.feature[nodes]), "split_gain=" + _words(np.ones(len(nodes))),
            "threshold=" + _words(tree.threshold[nodes], "%.17g"), "decision_type=" + _words(np.where(tree.nan_left[nodes], NAN_LEFT, NAN_RIGHT)),
            "left_child=" + _words(place[tree.left[nodes]]), "right_child=" + _words(place[tree.right[nodes]]),
        ]  # fmt: skip
    lines += [
        "leaf_value=" + _words(tree.value[leaves], "%.17g"), "leaf_weight=" + _words(tree.cover[leaves]), "leaf_count=" + _words(tree.cover[leaves]),
    ]  # fmt: skip
    if len(nodes):
        lines += [
            "internal_value=" + _words(tree.value[nodes], "%.10g"), "internal_weight=" + _words(tree.cover[nodes]),
            "internal_count=" + _words(tree.cover[nodes]),
        ]  # fmt: skip
    return "\n".join([*lines, "is_linear=0", "shrinkage=1"])


def _words(array: np.ndarray, form: str = "%d") -> str:
    return " ".join([form % item for item in array.tolist()])


def objective_of(task: str, classes: int) -> str:
    """The line that names how raw sums become an answer."""
    return OBJECTIVE_LINES[task].format(classes=classes)
