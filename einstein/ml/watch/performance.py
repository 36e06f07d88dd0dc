"""How good the scores of a batch are, before and after the outcomes are known.

Before: confidence-based performance estimation (Garg et al. 2022, "Leveraging unlabeled data"; the formula for ranking quality as in
NannyML): calibrated chances are taken at their word. For numbers, direct loss estimation: a model of the size of the error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import lightgbm
import numpy as np
from scipy.integrate import trapezoid
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import StratifiedShuffleSplit

from einstein.ml.auc import auc

SPLITS, TEST_SHARE, BINS = 10, 0.1, 10
PERFECT = 0.999  # a ranking so good needs no calibration


@dataclass
class Calibration:
    """From a score to a chance, learnt on the reference: a monotone curve through knots, `at` (knots,) scores and `chances` (knots,).

    Without knots the score is the chance.
    """

    at: np.ndarray = field(default_factory=lambda: np.zeros(0))
    chances: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def fit(cls, hit: np.ndarray, score: np.ndarray, seed: int = 42) -> Calibration:
        """`hit` (records,) of 0 and 1, `score` (records,). Keeps an isotonic curve only where it lowers the calibration error out of sample."""
        if len(np.unique(hit)) < 2 or auc(hit, score) > PERFECT:
            return cls()
        before: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for learn, test in StratifiedShuffleSplit(SPLITS, test_size=TEST_SHARE, random_state=seed).split(score, hit):
            curve = IsotonicRegression(out_of_bounds="clip").fit(score[learn], hit[learn])
            before.append((hit[test], score[test], curve.predict(score[test])))
        truth, plain, curved = (np.concatenate(list(part)) for part in zip(*before, strict=True))
        if calibration_error(truth, plain) <= calibration_error(truth, curved):
            return cls()
        whole = IsotonicRegression(out_of_bounds="clip").fit(score, hit)
        return cls(whole.X_thresholds_, whole.y_thresholds_)

    def chance(self, score: np.ndarray) -> np.ndarray:
        """The chance of a yes of each score, (records,)."""
        return np.interp(score, self.at, self.chances) if len(self.at) else np.asarray(score, dtype="float64")


def calibration_error(hit: np.ndarray, chance: np.ndarray) -> float:
    """Expected calibration error over ten bins of equal count (Naeini et al. 2015)."""
    order = np.argsort(chance)
    hit, chance = hit[order], chance[order]
    edges = np.arange(0, len(hit) + 1, max(1, len(hit) // BINS))
    edges[-1] = len(hit)
    return float(
        sum(
            (right - left) / len(hit) * abs(chance[left:right].mean() - hit[left:right].mean())
            for left, right in zip(edges, edges[1:], strict=False)
        )
    )


def estimated_auc(chance: np.ndarray, score: np.ndarray) -> float:
    """The area under the ROC curve to be expected when each record comes true with its chance; NaN when nobody or everybody must."""
    order = np.argsort(score, kind="stable")[::-1]
    summed = np.cumsum(chance[order])
    hits = np.concatenate([[0.0], summed]).round(5)
    misses = np.concatenate([[0.0], np.arange(1, len(chance) + 1) - summed]).round(5)
    if hits[-1] <= 0 or misses[-1] <= 0:
        return float("nan")
    return float(trapezoid(hits / hits[-1], misses / misses[-1]))


class ErrorModel:
    """How large the error of a predicted number probably is, by its record: LightGBM on the reference's absolute errors."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, features: np.ndarray, error: np.ndarray) -> ErrorModel:
        """`features` (records, columns), `error` (records,) signed."""
        settings = {
            "objective": "regression_l1",
            "verbosity": -1,
            "seed": self.seed,
            "num_threads": 1,  # beside busy neighbours two threads wait for each other far longer than they save
            "deterministic": True,
            "min_data_in_leaf": 20,
        }
        self.model_ = lightgbm.train(settings, lightgbm.Dataset(features, np.abs(error)), 100)
        return self

    def mean_error(self, features: np.ndarray) -> float:
        """The mean absolute error to be expected of these records."""
        found: Any = self.model_.predict(features, num_threads=1)
        return float(np.maximum(found, 0).mean())
