"""XGBoost, kept as LightGBM's text: one row alone is answered twenty times faster, and every family is explained one way."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import xgboost
from flaml import tune

from einstein.ml.members.base import PATIENCE, Job, Practice, answers, two_columns
from einstein.ml.members.tree_text import Tree, TreeText, objective_of, written

OBJECTIVES = {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}
COVER_UNIT = 1000  # hessians are kept as whole thousandths
LOSSES = {"binary": "logloss", "multiclass": "mlogloss", "regression": "rmse"}


class XGBoost(TreeText):
    kind, title, grows = "xgboost", "XGBoost", True
    grown: xgboost.Booster | None = None  # until it is frozen

    @classmethod
    def space(cls, records: int) -> dict[str, Any]:
        return {
            "depth": tune.randint(2, 11), "rate": tune.loguniform(0.03, 0.3), "weight": tune.loguniform(0.5, 50.0), "columns": tune.uniform(0.2, 1.0),
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
        self.grown = xgboost.train(
            _params(self.job, config, practice), learn, config["rounds"], evals=[(hold, "hold")] if hold is not None else (), verbose_eval=False,
            early_stopping_rounds=PATIENCE if hold is not None else None, callbacks=[_Watch(practice)],
        )  # fmt: skip
        best = self.grown.attr("best_iteration") if hold is not None else None
        self.rounds = int(best) + 1 if best is not None else self.grown.num_boosted_rounds()
        if self.rounds < self.grown.num_boosted_rounds():
            self.grown = self.grown[: self.rounds]
        return self

    def predict(self, features: np.ndarray, threads: int = 0) -> np.ndarray:
        if self.grown is None:
            return answers(self._sums(features, threads), self.job)
        found = np.asarray(self.grown.inplace_predict(features, validate_features=False), dtype="float64")
        return two_columns(found) if self.job.task == "binary" else found

    def freeze(self) -> XGBoost:
        if self.grown is not None:
            self.booster = lightgbm.Booster(model_str=as_text(self.grown, self.job))
            self.grown = None
        return self


def as_text(grown: xgboost.Booster, job: Job) -> str:
    """XGBoost's trees in LightGBM's text; it goes left below a threshold, LightGBM up to one, so thresholds move by one float32."""
    learner = json.loads(grown.save_raw("json"))["learner"]
    trees = [_tree(data) for data in learner["gradient_booster"]["model"]["trees"]]
    for place, start in enumerate(_starts(learner["learner_model_param"]["base_score"], job)):
        first = trees[place]
        trees[place] = replace(first, value=first.value + start)
    return written(trees, grown.num_features(), job.outputs, objective_of(job.task, job.classes))


def _tree(data: dict[str, Any]) -> Tree:
    left, right = np.array(data["left_children"]), np.array(data["right_children"])
    condition = np.array(data["split_conditions"], dtype="float32")
    below = np.nextafter(condition, np.float32(-np.inf)).astype("float64")
    value = np.where(left < 0, condition, np.array(data["base_weights"], dtype="float32")).astype("float64")
    cover = np.maximum(1, np.array(data["sum_hessian"]) * COVER_UNIT).astype("int64")
    return Tree(
        np.array(data["split_indices"]),
        below,
        np.array(data["default_left"], dtype=bool),
        left,
        right,
        value,
        np.minimum(cover, 2**31 - 1),
    )


def _starts(text: str, job: Job) -> list[float]:
    """What every sum starts from, one number an output; kept as a chance where the answer is one."""
    found = np.atleast_1d(np.array(json.loads(text) if text.startswith("[") else float(text), dtype="float64"))
    if job.task == "binary":
        found = np.log(found / (1 - found))
    return np.broadcast_to(found, (job.outputs,)).tolist()


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
