"""XGBoost in its own binary JSON format, explained by exact tree SHAP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from flaml import tune

from einstein.ml.members.base import PATIENCE, Job, Member, Practice, pick_output, two_columns

OBJECTIVES = {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}
LOSSES = {"binary": "logloss", "multiclass": "mlogloss", "regression": "rmse"}


class XGBoost(Member):
    kind, title, suffix, grows = "xgboost", "XGBoost", ".ubj", True
    booster: xgboost.Booster

    @classmethod
    def space(cls, records: int) -> dict[str, Any]:
        return {
            "depth": tune.randint(2, 11), "rate": tune.loguniform(0.01, 0.3), "weight": tune.loguniform(0.5, 50.0), "columns": tune.uniform(0.2, 1.0),
            "rows": tune.uniform(0.5, 1.0), "l1": tune.loguniform(1e-3, 10.0), "l2": tune.loguniform(1e-2, 30.0),
        }  # fmt: skip

    @classmethod
    def cheap(cls) -> dict[str, Any]:
        return {"depth": 2}

    def fit(self, features: np.ndarray, target: np.ndarray, config: dict[str, Any], practice: Practice) -> XGBoost:
        learn = xgboost.QuantileDMatrix(features, target, nthread=practice.threads, max_bin=256)
        hold = (
            xgboost.QuantileDMatrix(*practice.hold, ref=learn, nthread=practice.threads, max_bin=256)
            if practice.hold is not None
            else None
        )
        self.booster = xgboost.train(
            _params(self.job, config, practice), learn, config["rounds"], evals=[(hold, "hold")] if hold is not None else (), verbose_eval=False,
            early_stopping_rounds=PATIENCE if hold is not None else None, callbacks=[_Watch(practice)],
        )  # fmt: skip
        best = self.booster.attr("best_iteration") if hold is not None else None
        self.rounds = int(best) + 1 if best is not None else self.booster.num_boosted_rounds()
        if self.rounds < self.booster.num_boosted_rounds():
            self.booster = self.booster[: self.rounds]
        return self

    def predict(self, features: np.ndarray, threads: int = 0) -> np.ndarray:
        found = np.asarray(self.booster.inplace_predict(features, validate_features=False), dtype="float64")
        return two_columns(found) if self.job.task == "binary" else found

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        found = self.booster.predict(xgboost.DMatrix(features), pred_contribs=True).astype("float64")
        return pick_output(found.reshape(len(features), self.job.outputs, -1)[:, :, :-1], output)

    def leaves(self, features: np.ndarray, trees: int) -> np.ndarray | None:
        rounds = min(self.booster.num_boosted_rounds(), max(1, trees // self.job.outputs))
        found = self.booster.predict(xgboost.DMatrix(features), pred_leaf=True, iteration_range=(0, rounds))
        return np.asarray(found, dtype="int32").reshape(len(features), -1)[:, :trees]

    def save(self, path: Path) -> None:
        self.booster.save_model(path)

    def load(self, path: Path) -> XGBoost:
        self.booster = xgboost.Booster()
        self.booster.load_model(path)
        return self

    def freeze(self) -> XGBoost:
        raw = self.booster.save_raw("ubj")
        self.booster = xgboost.Booster()
        self.booster.load_model(raw)
        return self


def _params(job: Job, config: dict[str, Any], practice: Practice) -> dict[str, Any]:
    params = {
        "objective": OBJECTIVES[job.task], "eval_metric": LOSSES[job.task], "max_depth": int(config["depth"]), "eta": config["rate"], "min_child_weight": config["weight"],
        "colsample_bytree": config["columns"], "subsample": config["rows"], "alpha": config["l1"], "lambda": config["l2"], "tree_method": "hist",
        "nthread": practice.threads, "seed": practice.seed, "verbosity": 0,
    }  # fmt: skip
    return params | ({"num_class": job.classes} if job.task == "multiclass" else {})


class _Watch(xgboost.callback.TrainingCallback):
    def __init__(self, practice: Practice) -> None:
        super().__init__()
        self.practice = practice

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        return self.practice.late
