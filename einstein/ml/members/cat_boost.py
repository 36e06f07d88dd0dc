"""CatBoost in its own format, explained by its exact tree SHAP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import catboost
import numpy as np
from flaml import tune

from einstein.ml.members.base import PATIENCE, Member, Practice, pick_output

LOSSES = {"binary": "Logloss", "multiclass": "MultiClass", "regression": "RMSE"}


class CatBoost(Member):
    kind, title, suffix, grows = "catboost", "CatBoost", ".cbm", True
    model: Any

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
        if self.job.task == "multiclass":
            params["classes_count"] = self.job.classes
        hold = None
        if practice.hold is not None:
            hold = catboost.Pool(*practice.hold)
            params |= {"od_type": "Iter", "od_wait": PATIENCE, "use_best_model": True}
        self.model = catboost.CatBoost(params)
        self.model.fit(catboost.Pool(features, target), eval_set=hold, callbacks=[_Watch(practice)])
        self.rounds = self.model.tree_count_
        return self

    def predict(self, features: np.ndarray, threads: int = 0) -> np.ndarray:
        kind = "RawFormulaVal" if self.job.task == "regression" else "Probability"
        return np.asarray(
            self.model.predict(
                features, prediction_type=kind, thread_count=threads or (1 if len(features) < 100 else -1)
            )
        )

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        found = np.asarray(
            self.model.get_feature_importance(catboost.Pool(features), type="ShapValues", thread_count=self.job.cores)
        )
        if found.ndim == 2:
            found = found[:, None, :]
        return pick_output(found[:, :, :-1], output)

    def leaves(self, features: np.ndarray, trees: int) -> np.ndarray | None:
        last = min(trees, self.model.tree_count_)
        return np.asarray(
            self.model.calc_leaf_indexes(features, ntree_end=last, thread_count=1 if len(features) < 100 else -1),
            dtype="int32",
        ).reshape(len(features), -1)

    def save(self, path: Path) -> None:
        self.model.save_model(str(path), format="cbm")

    def load(self, path: Path) -> CatBoost:
        self.model = catboost.CatBoost().load_model(str(path), format="cbm")
        return self


class _Watch:
    def __init__(self, practice: Practice) -> None:
        self.practice = practice

    def after_iteration(self, info: Any) -> bool:
        return not self.practice.late
