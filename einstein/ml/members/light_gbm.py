"""LightGBM, kept in its own text format."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
from flaml import tune

from einstein.ml.members.base import PATIENCE, Job, Practice, answers
from einstein.ml.members.tree_text import TreeText

MOST_LEAVES = 128  # of a tree: exact contributions cost leaves times depth squared
LEAST_OF_A_LEVEL = 50  # records; below, on folds of bengaluru and startup, its statistics alone tell more
OBJECTIVES = {"binary": "binary", "multiclass": "multiclass", "regression": "l2"}


class LightGBM(TreeText):
    kind, title, grows = "lgbm", "LightGBM", True

    @classmethod
    def space(cls, records: int) -> dict[str, Any]:
        return {
            "leaves": tune.lograndint(4, max(8, min(MOST_LEAVES, records // 20))), "rate": tune.loguniform(0.03, 0.2), "least": tune.lograndint(2, 100),
            "columns": tune.uniform(0.2, 1.0), "rows": tune.uniform(0.5, 1.0), "l1": tune.loguniform(1e-3, 10.0), "l2": tune.loguniform(1e-3, 30.0),
        }  # fmt: skip

    @classmethod
    def cheap(cls) -> dict[str, Any]:
        return {"leaves": 4}

    def fit(self, features: np.ndarray, target: np.ndarray, config: dict[str, Any], practice: Practice) -> LightGBM:
        params = _params(self.job, config, practice)
        learn = lightgbm.Dataset(
            features,
            target,
            params={
                "max_bin": config.get("bins", 255),
                "verbosity": -1,
                "min_data_in_leaf": params["min_data_in_leaf"],
            },
            categorical_feature=_large(features, practice.groups),
            free_raw_data=True,
        )
        callbacks: list[Any] = [_Watch(practice)]
        hold = []
        if practice.hold is not None:
            hold = [lightgbm.Dataset(*practice.hold, reference=learn, free_raw_data=True)]
            callbacks.append(lightgbm.early_stopping(PATIENCE, verbose=False))
        self.booster = lightgbm.train(params, learn, config["rounds"], valid_sets=hold, callbacks=callbacks)
        self.rounds = (
            self.booster.best_iteration if self.booster.best_iteration > 0 else self.booster.current_iteration()
        )
        return self

    def predict(self, features: np.ndarray, threads: int = 0) -> np.ndarray:
        return answers(self._sums(features, threads), self.job)


def _large(features: np.ndarray, groups: list[int]) -> list[int]:
    """Those whose levels have enough records to split by sets of them; the numbers of the others are taken as they are."""
    levels = [np.nanmax(features[:, group], initial=0) + 1 for group in groups]
    return [group for group, count in zip(groups, levels, strict=True) if len(features) >= LEAST_OF_A_LEVEL * count]


def _params(job: Job, config: dict[str, Any], practice: Practice) -> dict[str, Any]:
    params = {
        "objective": OBJECTIVES[job.task], "num_leaves": int(config["leaves"]), "learning_rate": config["rate"], "min_data_in_leaf": int(config["least"]),
        "feature_fraction": config["columns"], "bagging_fraction": config["rows"], "bagging_freq": 1, "lambda_l1": config["l1"], "lambda_l2": config["l2"],
        "extra_trees": bool(config.get("extra")), "seed": practice.seed, "deterministic": True, "force_row_wise": True, "num_threads": practice.threads,
        "verbosity": -1, "feature_pre_filter": False, "max_bin": config.get("bins", 255),
    }  # fmt: skip
    return params | ({"num_class": job.classes} if job.task == "multiclass" else {})


class _Watch:
    """Stops growing at the deadline."""

    before_iteration, order = False, 40

    def __init__(self, practice: Practice) -> None:
        self.practice = practice

    def __call__(self, env: Any) -> None:
        if self.practice.late:
            results = env.evaluation_result_list or []
            raise lightgbm.callback.EarlyStopException(env.iteration, results)
