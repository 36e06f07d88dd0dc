"""CatBoost, kept as LightGBM's text: its symmetric trees written out branch by branch."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
from flaml import tune

from einstein.ml.members.base import PATIENCE, Job, Practice, two_columns
from einstein.ml.members.tree_text import Tree, TreeText, objective_of, written

HOPELESS = -20.0  # log-odds of a class that was never seen
LOSSES = {"binary": "Logloss", "multiclass": "MultiClass", "regression": "RMSE"}


class CatBoost(TreeText):
    kind, title, grows = "catboost", "CatBoost", True
    model: Any = None  # until it is frozen
    present: np.ndarray  # the classes it has seen, of several

    @classmethod
    def space(cls, records: int) -> dict[str, Any]:
        return {
            "depth": tune.randint(3, 9), "rate": tune.loguniform(0.02, 0.25), "l2": tune.loguniform(0.5, 30.0), "columns": tune.uniform(0.3, 1.0),
            "random": tune.loguniform(0.1, 5.0),
        }  # fmt: skip

    @classmethod
    def cheap(cls) -> dict[str, Any]:
        return {"depth": 3}

    def fit(self, features: np.ndarray, target: np.ndarray, config: dict[str, Any], practice: Practice) -> CatBoost:
        params = {
            "loss_function": LOSSES[self.job.task], "iterations": config["rounds"], "depth": int(config["depth"]), "learning_rate": config["rate"],
            "l2_leaf_reg": config["l2"], "rsm": config["columns"], "random_strength": config["random"], "boosting_type": "Plain", "border_count": 128,
            "bootstrap_type": "Bernoulli", "subsample": 0.8, "random_seed": practice.seed, "thread_count": practice.threads, "allow_writing_files": False,
            "verbose": False, "score_function": "L2",
        }  # fmt: skip
        hold = practice.hold
        if self.job.task == "multiclass":
            # It wants classes without gaps, and a fold may lack a rare one.
            self.present = np.unique(target)
            target = np.searchsorted(self.present, target)
            if hold is not None:
                known = np.isin(hold[1], self.present)
                hold = (hold[0][known], np.searchsorted(self.present, hold[1][known]))
        if hold is not None:
            params |= {"od_type": "Iter", "od_wait": PATIENCE, "use_best_model": True}
        self.model = catboost.CatBoost(params)
        self.model.fit(
            catboost.Pool(features, target),
            eval_set=catboost.Pool(*hold) if hold is not None else None,
            callbacks=[_Watch(practice)],
        )
        self.rounds = self.model.tree_count_
        return self

    def predict(self, features: np.ndarray, threads: int = 0) -> np.ndarray:
        if self.model is not None:
            return self._grown(features, threads or self.job.cores)
        found = self._raw(features, threads)
        return two_columns(found) if self.job.task == "binary" else found

    def _grown(self, features: np.ndarray, threads: int) -> np.ndarray:
        kind = "RawFormulaVal" if self.job.task == "regression" else "Probability"
        found = np.asarray(self.model.predict(features, prediction_type=kind, thread_count=threads))
        if self.job.task != "multiclass":
            return found
        whole = np.zeros((len(features), self.job.classes))
        whole[:, self.present] = found
        return whole

    def freeze(self) -> CatBoost:
        if self.model is not None:
            present = self.present if self.job.task == "multiclass" else np.zeros(1, dtype=int)
            self.booster = lightgbm.Booster(model_str=as_text(self.model, self.job, present))
            self.model = None
        return self


def as_text(model: Any, job: Job, present: np.ndarray) -> str:
    """CatBoost's trees in LightGBM's text; both go right above a border. Classes that are not `present` start out hopeless."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        data = json.loads(path.read_text())
    scale, bias = data["scale_and_bias"]
    starts = np.full(job.outputs, HOPELESS)
    starts[present] = bias
    facts = data["features_info"]["float_features"]
    trees = [
        tree
        for number, grown in enumerate(data["oblivious_trees"])
        for tree in _trees(grown, facts, scale, starts * (number == 0), present)
    ]
    return written(trees, len(model.feature_names_), job.outputs, objective_of(job.task, job.classes))


def _trees(
    grown: dict[str, Any], facts: list[dict[str, Any]], scale: float, starts: np.ndarray, present: np.ndarray
) -> list[Tree]:
    """One symmetric tree as one binary tree an output. Bit k of a leaf's number says whether split k was answered yes."""
    splits = grown.get("splits") or []
    depth = len(splits)
    inner = 2**depth - 1
    values = np.tile(starts, (2**depth, 1))
    values[:, present] += np.array(grown["leaf_values"]).reshape(2**depth, -1) * scale
    level = np.floor(np.log2(np.arange(2 * inner + 1) + 1)).astype(int)
    within = np.arange(2 * inner + 1) - (2**level - 1)  # the answers so far, as bits
    below = 2 ** (level + 1) - 1 + within
    left, right = np.where(level < depth, below, -1), np.where(level < depth, below + 2**level, -1)
    owner = np.array([split["float_feature_index"] for split in splits] + [0])
    border = np.array([split["border"] for split in splits] + [0.0], dtype="float32").astype("float64")
    column = np.array([fact["flat_feature_index"] for fact in facts])[owner]
    missing_right = np.array([fact["nan_value_treatment"] == "AsTrue" for fact in facts])[owner]
    cover = np.zeros(2 * inner + 1)
    cover[inner:] = np.maximum(1, np.array(grown["leaf_weights"]))
    for node in range(inner - 1, -1, -1):
        cover[node] = cover[left[node]] + cover[right[node]]
    at = np.minimum(level, depth)
    nodes = [np.concatenate([np.zeros(inner), value]) for value in values.T]
    return [
        Tree(column[at], border[at], ~missing_right[at], left, right, value, cover.astype("int64")) for value in nodes
    ]


class _Watch:
    def __init__(self, practice: Practice) -> None:
        self.practice = practice

    def after_iteration(self, info: Any) -> bool:
        return not self.practice.late
