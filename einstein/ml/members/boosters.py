"""LightGBM, XGBoost and CatBoost: fitted through FLAML's configurations, kept in their own formats, explained by exact
tree SHAP (Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees")."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import xgboost
from flaml import tune
from flaml.automl.model import LGBMEstimator, SKLearnEstimator, XGBoostSklearnEstimator

from einstein.ml.members.base import Job, Member, pick_output, two_columns


def _fit_flaml(
    estimator_class: type, job: Job, config: dict[str, Any], features: np.ndarray, target: np.ndarray, **extra: Any
) -> Any:
    estimator = estimator_class(task=job.task, n_jobs=job.threads or -1, **config, **extra)
    estimator.fit(features, target)
    return estimator.model


class LightGBM(Member):
    kind, title, suffix = "lgbm", "LightGBM", ".txt"
    booster: lightgbm.Booster

    def fit(self, features: np.ndarray, target: np.ndarray, config: dict[str, Any]) -> LightGBM:
        extra = {"seed": self.job.seed, "deterministic": True, "force_row_wise": True}
        fitted = _fit_flaml(LGBMEstimator, self.job, config, features, target, **extra).booster_
        # Through its text form, so that what is used now is what is read back later, bit for bit.
        self.booster = lightgbm.Booster(model_str=fitted.model_to_string())
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        found = np.asarray(
            self.booster.predict(features, num_threads=self.job.threads or 0, predict_disable_shape_check=True)
        )
        return two_columns(found) if self.job.task == "binary" else found

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        found = np.asarray(self.booster.predict(features, pred_contrib=True))
        per_class = found.reshape(len(features), self.job.outputs, -1)[:, :, :-1]
        return pick_output(per_class, output)

    def save(self, path: Path) -> None:
        path.write_text(self.booster.model_to_string())

    def load(self, path: Path) -> LightGBM:
        self.booster = lightgbm.Booster(model_str=path.read_text())
        return self


class XGBoost(Member):
    kind, title, suffix = "xgboost", "XGBoost", ".ubj"
    booster: xgboost.Booster

    def fit(self, features: np.ndarray, target: np.ndarray, config: dict[str, Any]) -> XGBoost:
        self.booster = _fit_flaml(
            XGBoostSklearnEstimator, self.job, config, features, target, seed=self.job.seed
        ).get_booster()
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        found = self.booster.predict(xgboost.DMatrix(features)).astype("float64")
        return two_columns(found) if self.job.task == "binary" else found

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        found = self.booster.predict(xgboost.DMatrix(features), pred_contribs=True).astype("float64")
        per_class = found.reshape(len(features), self.job.outputs, -1)[:, :, :-1]
        return pick_output(per_class, output)

    def save(self, path: Path) -> None:
        self.booster.save_model(path)

    def load(self, path: Path) -> XGBoost:
        self.booster = xgboost.Booster()
        self.booster.load_model(path)
        return self


class BoundedCatBoost(SKLearnEstimator):
    """CatBoost for FLAML's search with the number of trees searched, like the others.

    FLAML's own learner grows up to 8,192 trees and stops early on a part of the data it sets aside itself, so that a
    refit on everything neither stops nor matches what was judged.
    """

    def __init__(self, task: str = "binary", **config: Any) -> None:
        super().__init__(task, **config)
        self.estimator_class = catboost.CatBoostRegressor if task == "regression" else catboost.CatBoostClassifier

    @classmethod
    def search_space(cls, data_size: Any, task: Any, **params: Any) -> dict[str, Any]:
        return {
            "n_estimators": {
                "domain": tune.lograndint(lower=30, upper=800),
                "init_value": 100,
                "low_cost_init_value": 30,
            },
            "depth": {"domain": tune.randint(lower=3, upper=9), "init_value": 6, "low_cost_init_value": 3},
            "learning_rate": {"domain": tune.loguniform(lower=0.01, upper=0.3), "init_value": 0.08},
            "l2_leaf_reg": {"domain": tune.loguniform(lower=0.5, upper=30), "init_value": 3.0},
        }

    def config2params(self, config: dict[str, Any]) -> dict[str, Any]:
        known = {key: config[key] for key in ("n_estimators", "depth", "learning_rate", "l2_leaf_reg") if key in config}
        threads = config.get("n_jobs", config.get("thread_count", -1))
        return known | {
            "thread_count": threads, "random_seed": config.get("random_seed", 0), "allow_writing_files": False, "verbose": False,
        }  # fmt: skip


class CatBoost(Member):
    kind, title, suffix = "catboost", "CatBoost", ".cbm"
    model: Any

    def fit(self, features: np.ndarray, target: np.ndarray, config: dict[str, Any]) -> CatBoost:
        self.model = _fit_flaml(BoundedCatBoost, self.job, config, features, target, random_seed=self.job.seed)
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        if self.job.task == "regression":
            return np.asarray(self.model.predict(features, prediction_type="RawFormulaVal"))
        return np.asarray(self.model.predict(features, prediction_type="Probability"))

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        found = np.asarray(self.model.get_feature_importance(catboost.Pool(features), type="ShapValues"))
        if found.ndim == 2:
            found = found[:, None, :]
        return pick_output(found[:, :, :-1], output)

    def save(self, path: Path) -> None:
        self.model.save_model(str(path), format="cbm")

    def load(self, path: Path) -> CatBoost:
        self.model = catboost.CatBoost().load_model(str(path), format="cbm")
        return self
