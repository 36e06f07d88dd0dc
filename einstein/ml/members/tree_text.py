"""Trees of any family in LightGBM's text format: one fast evaluator, one way of exact contributions, no pickle.

Exact contributions are tree SHAP (Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for
trees").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import lightgbm
import numpy as np

from einstein.ml.members.base import FEW, Member, pick_output

BLOCK = 64  # trees evaluated at once: a third faster than all of them, from a hundred trees on
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
    _last: tuple[np.ndarray, np.ndarray] | None = None

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        found = np.asarray(self.booster.predict(features, pred_contrib=True, num_threads=self.job.threads))
        per_class = found.reshape(len(features), self.job.outputs, -1)[:, :, :-1]
        return pick_output(per_class, output)

    def leaves(self, features: np.ndarray, trees: int) -> np.ndarray | None:
        if len(features) == 1:
            return self._leaves_of_one(features)[:, :trees]
        return self._leaves(features, max(1, trees // self.job.outputs))[:, :trees]

    def freeze(self) -> Member:
        self.booster = lightgbm.Booster(model_str=self.booster.model_to_string())
        return self

    def save(self, path: Path) -> None:
        path.write_text(self.booster.model_to_string())

    def load(self, path: Path) -> Member:
        self.booster = lightgbm.Booster(model_str=path.read_text())
        return self

    def _sums(self, features: np.ndarray, threads: int) -> np.ndarray:
        """(records, outputs) sums over the trees, a block of them at a time: a whole forest does not stay in the cache."""
        if len(features) == 1:
            return self._sums_of_one(features)
        total = np.zeros((len(features), self.job.outputs))
        threads = threads or self._threads(features)
        for start in range(0, self._count, BLOCK):
            found = self.booster.predict(
                features, raw_score=True, start_iteration=start, num_iteration=BLOCK, num_threads=threads
            )
            total += np.asarray(found).reshape(len(features), -1)
        return total

    def _sums_of_one(self, features: np.ndarray) -> np.ndarray:
        """The same bit for bit from its leaves, which the reasons need too: block after block, tree after tree."""
        values, places = self._leaf_values
        found = values[self._leaves_of_one(features)[0] + places].reshape(-1, self.job.outputs)
        total = np.zeros((1, self.job.outputs))
        for start in range(0, len(found), BLOCK):
            total += found[start : start + BLOCK].cumsum(axis=0)[-1]
        return total

    def _leaves_of_one(self, features: np.ndarray) -> np.ndarray:
        """(1, trees); the last record's are kept, as its score and its reasons ask for the same."""
        last = self._last
        if last is None or last[0] is not features:
            self._last = last = (features, self._leaves(features, -1))
        return last[1]

    def _leaves(self, features: np.ndarray, rounds: int) -> np.ndarray:
        found = self.booster.predict(
            features, pred_leaf=True, num_iteration=rounds, num_threads=self._threads(features)
        )
        return np.asarray(found, dtype="int32").reshape(len(features), -1)

    @property
    def _count(self) -> int:
        best = self.booster.best_iteration
        return best if best > 0 else self.booster.current_iteration()

    @cached_property
    def _leaf_values(self) -> tuple[np.ndarray, np.ndarray]:
        """(values of all leaves, each tree's place among them)."""
        lines = re.findall(r"^leaf_value=(.*)$", self.booster.model_to_string(), re.MULTILINE)
        trees = [np.array(line.split(), dtype="float64") for line in lines]
        return np.concatenate(trees), np.concatenate([[0], np.cumsum([len(tree) for tree in trees])[:-1]]).astype(int)

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
