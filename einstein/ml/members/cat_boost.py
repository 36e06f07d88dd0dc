"""CatBoost in its own format, explained by its exact tree SHAP."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import catboost
import numpy as np
from flaml import tune

from einstein.ml.members.base import FEW, PATIENCE, Job, Member, Practice, pick_output, two_columns

MOST_DEPTH = 6  # exact contributions cost a multiple with every level more
LOSSES = {"binary": "Logloss", "multiclass": "MultiClass", "regression": "RMSE"}


class CatBoost(Member):
    kind, title, suffix, grows = "catboost", "CatBoost", ".cbm", True
    model: Any

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.present = np.arange(
            job.classes
        )  # the classes it has seen; a fold may lack a rare one, all records never do

    @classmethod
    def space(cls, records: int) -> dict[str, Any]:
        return {
            "depth": tune.randint(3, MOST_DEPTH + 1), "rate": tune.loguniform(0.03, 0.25), "l2": tune.loguniform(0.5, 30.0), "columns": tune.uniform(0.3, 1.0),
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
        sums = self._one(features) if len(features) == 1 else self._many(features, threads or self._threads(features))
        if self.job.task == "regression":
            return sums[:, 0]
        if self.job.task == "binary":
            return two_columns(1.0 / (1.0 + np.exp(-sums[:, 0])))
        exponents = np.exp(sums - sums.max(axis=1, keepdims=True))
        whole = np.zeros((len(features), self.job.classes))  # classes that were never seen get no chance
        whole[:, self.present] = exponents / exponents.sum(axis=1, keepdims=True)
        return whole

    def _many(self, features: np.ndarray, threads: int) -> np.ndarray:
        """(records, outputs) sums over all trees."""
        found = self.model.predict(features, prediction_type="RawFormulaVal", thread_count=threads)
        return np.asarray(found).reshape(len(features), -1)

    def _one(self, features: np.ndarray) -> np.ndarray:
        """The same for one record, bit for bit: `predict` takes three times as long for it as finding its leaves."""
        values, places, scale, bias = self._leaf_values
        cells = self._leaves(features, self.model.tree_count_)[0] + places
        # Tree after tree, the order in which CatBoost adds; a pairwise sum would round otherwise.
        return values[cells].cumsum(axis=0)[-1:] * scale + bias

    @cached_property
    def _leaf_values(self) -> tuple[np.ndarray, np.ndarray, float, Any]:
        """(values (leaves of all trees, outputs), each tree's place among them, scale, bias)."""
        counts = self.model.get_tree_leaf_counts()
        places = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype("int64")
        values = np.asarray(self.model.get_leaf_values(), dtype="float64").reshape(int(np.sum(counts)), -1)
        return values, places, *self.model.get_scale_and_bias()

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        pool = catboost.Pool(features)
        found = np.asarray(self.model.get_feature_importance(pool, type="ShapValues", thread_count=self.job.cores))
        per_class = found.reshape(len(features), -1, features.shape[1] + 1)[:, :, :-1]
        return pick_output(per_class, output)

    def leaves(self, features: np.ndarray, trees: int) -> np.ndarray | None:
        return self._leaves(features, min(trees, self.model.tree_count_))

    def _leaves(self, features: np.ndarray, trees: int) -> np.ndarray:
        pool = catboost.Pool(features)
        found = self.model.calc_leaf_indexes(pool, ntree_end=trees, thread_count=self._threads(features))
        return np.asarray(found, dtype="int32").reshape(len(features), trees)

    def save(self, path: Path) -> None:
        self.model.save_model(str(path), format="cbm")

    def load(self, path: Path) -> CatBoost:
        self.model = catboost.CatBoost().load_model(str(path), format="cbm")
        return self

    def _threads(self, features: np.ndarray) -> int:
        return 1 if len(features) < FEW else self.job.cores


class _Watch:
    def __init__(self, practice: Practice) -> None:
        self.practice = practice

    def after_iteration(self, info: Any) -> bool:
        return not self.practice.late
