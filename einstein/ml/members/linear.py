"""The simple model that is always there: ridge or logistic regression on standardised, clipped features; kept as JSON."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from einstein.ml.members.base import Member, two_columns

CLIP = 6.0  # standard deviations; one absurd value must not carry a score away


class Linear(Member):
    kind, title, suffix = "linear", "Linear model", ".json"

    def fit(self, features: np.ndarray, target: np.ndarray, config: dict[str, Any]) -> Linear:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # all-blank features have no mean
            self.median = (
                np.nan_to_num(np.nanmedian(features, axis=0)) if len(features) else np.zeros(features.shape[1])
            )
            spread = np.nanstd(features, axis=0)
        self.scale = np.where(np.nan_to_num(spread) > 0, np.nan_to_num(spread), 1.0)
        prepared = self._prepare(features)
        if self.job.task == "regression":
            self.centre, self.unit = float(target.mean()), float(target.std()) or 1.0
            model: Any = Ridge(alpha=config.get("alpha", 3.0)).fit(prepared, (target - self.centre) / self.unit)
            self.coefficients, self.intercepts = model.coef_[None, :], np.array([model.intercept_])
        else:
            self.centre, self.unit = 0.0, 1.0
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an early stop of the solver is good enough here
                model = LogisticRegression(C=config.get("C", 0.3), max_iter=300).fit(prepared, target)
            self.coefficients, self.intercepts = model.coef_, model.intercept_
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        margins = self._margins(self._prepare(features))
        if self.job.task == "regression":
            return margins[:, 0] * self.unit + self.centre
        if self.job.task == "binary":
            return two_columns(1.0 / (1.0 + np.exp(-margins[:, 0])))
        exponents = np.exp(margins - margins.max(axis=1, keepdims=True))
        return exponents / exponents.sum(axis=1, keepdims=True)

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        chosen = output if self.job.task == "multiclass" else np.zeros(len(features), dtype=int)
        return self._prepare(features) * self.coefficients[chosen] * self.unit

    def save(self, path: Path) -> None:
        kept = {name: getattr(self, name) for name in ("median", "scale", "coefficients", "intercepts")}
        path.write_text(
            json.dumps(
                {name: value.tolist() for name, value in kept.items()} | {"centre": self.centre, "unit": self.unit}
            )
        )

    def load(self, path: Path) -> Linear:
        data = json.loads(path.read_text())
        self.centre, self.unit = data.pop("centre"), data.pop("unit")
        for name, value in data.items():
            setattr(self, name, np.array(value, dtype="float64"))
        return self

    def _prepare(self, features: np.ndarray) -> np.ndarray:
        scaled = (np.where(np.isnan(features), self.median, features) - self.median) / self.scale
        return np.clip(scaled, -CLIP, CLIP)

    def _margins(self, prepared: np.ndarray) -> np.ndarray:
        """Row by row sums: a record alone gets the same bits as in a batch, which a matrix product does not promise."""
        sums = [(prepared * coefficients).sum(axis=1) for coefficients in self.coefficients]
        return np.column_stack(sums) + self.intercepts
