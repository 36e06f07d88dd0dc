"""The search: FLAML tries families and settings within the budget, on folds of the learning records only."""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flaml import AutoML

from einstein.ml.guards import auc
from einstein.ml.members.base import Job
from einstein.ml.members.boosters import BoundedCatBoost

Progress = Callable[[dict[str, Any]], None]
FOLDS = 5
HELD_OUT = 0.2  # of records in time order
FOLDS_UP_TO = 10_000  # records; above, one holdout of a fifth is as good as folds
FAMILY_ORDER = ["lgbm", "catboost", "xgboost", "extra_tree"]
CLASS_NAMES = {"LGBM": "lgbm", "XGB": "xgboost", "BoundedCatBoost": "catboost", "ExtraTrees": "extra_tree"}
# Good settings from experience with small business tables, so that the first trials are worth something already.
STARTS: dict[str, list[dict[str, Any]]] = {
    "lgbm": [
        {"n_estimators": 150, "num_leaves": 15, "min_child_samples": 20, "learning_rate": 0.05, "log_max_bin": 8,
         "colsample_bytree": 0.7, "reg_alpha": 0.01, "reg_lambda": 1.0},
    ],
    "xgboost": [
        {"n_estimators": 200, "max_leaves": 16, "min_child_weight": 3.0, "learning_rate": 0.05, "subsample": 0.8,
         "colsample_bylevel": 0.8, "colsample_bytree": 0.7, "reg_alpha": 0.01, "reg_lambda": 1.0},
    ],
    "catboost": [{"n_estimators": 250, "depth": 5, "learning_rate": 0.05, "l2_leaf_reg": 3.0}],
    "extra_tree": [{"n_estimators": 100, "max_features": 0.4, "max_leaves": 400, "criterion": "gini"}],
}  # fmt: skip


@dataclass
class SearchResult:
    """The best settings of each family, best family first: (family, settings, loss, seconds of one fit)."""

    best: list[tuple[str, dict[str, Any], float]] = field(default_factory=list)
    tried: int = 0


class _Watcher:
    """FLAML calls it as its metric after each fit on a fold; it answers the loss and tells the progress."""

    def __init__(self, job: Job, folds: int, progress: Progress) -> None:
        self.job, self.folds, self.progress, self.started = job, folds, progress, time.monotonic()
        self.trials: dict[str, list[tuple[float, float]]] = {}
        self.kinds: dict[str, str] = {}
        self.told = 0.0

    def __call__(self, X_val: Any, y_val: Any, estimator: Any, *rest: Any) -> tuple[float, dict]:  # noqa: N803 FLAML's names
        config = rest[5] if len(rest) > 5 else {}  # labels, X_train, y_train, weight_val, weight_train, config
        loss, quality = _judge(self.job, estimator, X_val, np.asarray(y_val))
        name = type(estimator).__name__
        kind = next((kind for start, kind in CLASS_NAMES.items() if name.startswith(start)), name)
        key = kind + json.dumps(config, sort_keys=True, default=str)
        self.trials.setdefault(key, []).append((loss, quality))
        self.kinds[key] = kind
        if time.monotonic() - self.told > 0.5:
            self.tell()
        return loss, {"quality": quality}

    def tell(self) -> None:
        self.told = time.monotonic()
        per_kind: dict[str, dict[str, float]] = {}
        for key, judged in self.trials.items():
            whole = len(judged) // self.folds * self.folds  # a setting counts once all its folds are judged
            if whole:
                entry = per_kind.setdefault(self.kinds[key], {"tried": 0, "best": 0.0})
                entry["tried"] += 1
                newest = judged[whole - self.folds : whole]
                entry["best"] = max(entry["best"], float(np.mean([quality for _, quality in newest])))
        if not per_kind:
            return
        best, tried = (
            max(entry["best"] for entry in per_kind.values()),
            sum(int(entry["tried"]) for entry in per_kind.values()),
        )
        self.progress({"tried": tried, "best": best, "kinds": per_kind, "seconds": self.told - self.started})


def search(
    features: np.ndarray, target: np.ndarray, job: Job, seconds: float, trials: int | None, progress: Progress
) -> SearchResult:
    """Try models for `seconds`, or exactly `trials` settings (then the outcome depends on the seed alone)."""
    folds = len(target) <= FOLDS_UP_TO and not job.ordered
    watcher = _Watcher(job, FOLDS if folds else 1, progress)
    starts = {kind: [dict(point) for point in points] for kind, points in STARTS.items()}
    if job.task == "regression":
        starts["extra_tree"][0].pop("criterion")
    limits: dict[str, Any] = {"time_budget": max(1.0, seconds)}
    if trials:
        # Round robin and whole samples: FLAML's own choice of the next family depends on measured time.
        limits = {"time_budget": -1, "max_iter": trials, "learner_selector": "roundrobin", "sample": False}
    automl = AutoML()
    automl.add_learner("catboost", BoundedCatBoost)
    logging.getLogger("flaml").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        automl.fit(
            **_learn_and_hold(features, target.astype(float) if job.task == "regression" else target.astype(int), job), task="regression" if job.task == "regression" else "classification", metric=watcher,
            estimator_list=FAMILY_ORDER, eval_method="cv" if folds else "holdout", n_splits=FOLDS, split_ratio=0.2,
            n_jobs=job.threads or -1, seed=job.seed, verbose=0, retrain_full=False, starting_points=starts,
            keep_search_state=True, skip_transform=True, mlflow_logging=False, **limits,
        )  # fmt: skip
    watcher.tell()
    losses, configs = automl.best_loss_per_estimator, automl.best_config_per_estimator
    usable = [
        (kind, dict(configs[kind]), float(losses[kind]))
        for kind in FAMILY_ORDER
        if configs.get(kind) and np.isfinite(losses.get(kind, np.inf))
    ]
    return SearchResult(sorted(usable, key=lambda item: item[2]), len(watcher.trials))


def _learn_and_hold(features: np.ndarray, target: np.ndarray, job: Job) -> dict[str, np.ndarray]:
    """All records for FLAML to split; where order counts, the newest fifth is what settings are judged by."""
    if not job.ordered:
        return {"X_train": features, "y_train": target}
    cut = int(len(target) * (1 - HELD_OUT))
    return {"X_train": features[:cut], "y_train": target[:cut], "X_val": features[cut:], "y_val": target[cut:]}


def _judge(job: Job, estimator: Any, features: Any, target: np.ndarray) -> tuple[float, float]:
    if job.task == "regression":
        guess = np.asarray(estimator.predict(features), dtype=float)
        explained = 1 - float(np.mean((target - guess) ** 2)) / max(float(np.var(target)), 1e-12)
        return 1 - explained, explained
    chances = np.asarray(estimator.predict_proba(features), dtype=float)
    loss = log_loss(target, chances)
    if job.task == "binary":
        return loss, auc((target == 1).astype(float), chances[:, 1])
    return loss, float((chances.argmax(axis=1) == target).mean())


def log_loss(target: np.ndarray, chances: np.ndarray) -> float:
    """Mean negative log of the probability given to what happened, (records,) class numbers and (records, classes)."""
    return float(-np.log(np.clip(chances[np.arange(len(target)), target.astype(int)], 1e-7, 1)).mean())
