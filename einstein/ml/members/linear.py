"""The simple model that is always there: ridge or logistic regression, robust to absurd values; kept as JSON.

Each feature enters twice: standardised and clipped, and as its rank among the learning records. Blank is the median, and a
feature of its own where it occurs.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from einstein.ml.members.base import Member, Practice, answers

CLIP = 4.0  # standard deviations; one absurd value must not carry a score away
KNOTS = 33  # quantiles that ranks are read off
WITHOUT_MEANING = 1e30  # a scale on which nothing moves
MOST_RECORDS = 100_000  # a linear model learns no more from more


class Linear(Member):
    kind, title, suffix, plain = "linear", "Linear model", ".json", True
    median: np.ndarray
    scale: np.ndarray
    knots: np.ndarray  # (quantiles, features)
    gaps: np.ndarray  # features that are blank in some records
    ranked: np.ndarray  # features whose ranks enter too
    mean: np.ndarray
    coefficients: np.ndarray  # (outputs, prepared features)
    intercepts: np.ndarray

    def fit(self, features: np.ndarray, target: np.ndarray, config: dict[str, Any], practice: Practice) -> Linear:
        if len(features) > MOST_RECORDS:
            rows = np.sort(np.random.default_rng(practice.seed).choice(len(features), MOST_RECORDS, replace=False))
            features, target = features[rows], target[rows]
        self._settle(features, practice.groups)
        prepared = self._prepare(features)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an early stop of the solver is good enough here
            if self.job.task == "regression":
                ridge = Ridge(alpha=config.get("penalty", 3.0)).fit(prepared, target)
                self.coefficients, self.intercepts = ridge.coef_[None, :], np.array([ridge.intercept_])
            else:
                self._fit_classes(prepared, target, config)
        return self

    def predict(self, features: np.ndarray, threads: int = 0) -> np.ndarray:
        prepared = self._prepare(features)
        # Row by row sums: a record alone gets the same bits as in a batch, which a matrix product does not promise.
        margins = (
            np.column_stack([(prepared * coefficients).sum(axis=1) for coefficients in self.coefficients])
            + self.intercepts
        )
        return answers(margins, self.job)

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        """Distance from the average record, times the coefficient."""
        chosen = output if self.job.task == "multiclass" else np.zeros(len(features), dtype=int)
        prepared = self._prepare(features)
        moved = (prepared - self.mean) * self.coefficients[chosen]
        found = np.zeros(features.shape)
        for place, feature in enumerate(self._feature_of()):
            found[:, feature] += moved[:, place]
        return found

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({name: getattr(self, name).tolist() for name in NAMES}))

    def load(self, path: Path) -> Linear:
        data = json.loads(path.read_text())
        for name, kind in NAMES.items():
            setattr(self, name, np.array(data[name], dtype=kind))
        self.knots = self.knots.reshape(KNOTS, -1)
        return self

    def _fit_classes(self, prepared: np.ndarray, target: np.ndarray, config: dict[str, Any]) -> None:
        model: Any = LogisticRegression(C=1.0 / config.get("penalty", 3.0), max_iter=200, tol=1e-3).fit(
            prepared, target
        )
        self.coefficients, self.intercepts = model.coef_, model.intercept_
        if self.job.task == "multiclass" and len(model.classes_) < self.job.classes:
            whole, intercepts = np.zeros((self.job.classes, prepared.shape[1])), np.full(self.job.classes, -20.0)
            places = model.classes_.astype(int)
            if len(places) == 2:
                whole[places[1]], intercepts[places] = model.coef_[0], [0.0, model.intercept_[0]]
            else:
                whole[places], intercepts[places] = model.coef_, model.intercept_
            self.coefficients, self.intercepts = whole, intercepts

    def _settle(self, features: np.ndarray, groups: list[int]) -> None:
        """Learn medians, spreads and quantiles, robustly. Numbers of levels say nothing on a line."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # all-blank features have no quantiles
            self.knots = np.nan_to_num(np.nanquantile(features.astype("float64"), np.linspace(0, 1, KNOTS), axis=0))
        self.median = self.knots[KNOTS // 2]
        # The middle 94 % set the spread: a handful of absurd values must not flatten everybody else.
        spread = (self.knots[-2] - self.knots[1]) / 3.8
        whole = (self.knots[-1] - self.knots[0]) / 4
        self.scale = np.where(spread > 0, spread, np.where(whole > 0, whole, 1.0))
        self.scale[groups] = WITHOUT_MEANING
        blank = np.isnan(features).mean(axis=0)
        self.gaps = np.flatnonzero((blank > 0.005) & (blank < 0.995))
        self.ranked = np.setdiff1d(np.flatnonzero([len(np.unique(column)) > 5 for column in self.knots.T]), groups)
        self.mean = np.zeros(1)
        self.mean = self._prepare(features).mean(axis=0)

    def _feature_of(self) -> np.ndarray:
        return np.concatenate([np.arange(len(self.median)), self.ranked, self.gaps])

    def _prepare(self, features: np.ndarray) -> np.ndarray:
        blank = np.isnan(features)
        filled = np.where(blank, self.median, features)
        scaled = np.clip((filled - self.median) / self.scale, -CLIP, CLIP)
        steps = np.linspace(-1.7, 1.7, KNOTS)
        ranks = [np.interp(filled[:, j], self.knots[:, j], steps) for j in self.ranked]
        return np.column_stack([scaled, *ranks, blank[:, self.gaps]]).astype("float64")


NAMES = {"median": "float64", "scale": "float64", "knots": "float64", "gaps": "int64", "ranked": "int64", "mean": "float64", "coefficients": "float64",
         "intercepts": "float64"}  # fmt: skip
