"""The watch over performance: estimated from the scores alone, and realised where outcomes have come, against the reference's own."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from einstein.ml.auc import auc
from einstein.ml.watch.performance import Calibration, ErrorModel, estimated_auc

DRAWS, DRAW_ROWS = 60, 1000  # resamples of the reference that tell how much an estimate varies by chance
LEAST_ROWS = 100
LEAST_DROP, LEAST_RISE = 0.005, 0.05  # of the area under the curve; of the mean error, as a share
LEAST_Z = 5.0
LEAST_KNOWN = 20  # outcomes of each kind before a realised figure says anything
KEPT = 60


@dataclass
class Verdict:
    """One batch's performance: `value` against `usual`, `z` standard errors worse, and whether it is realised or estimated."""

    value: float
    usual: float
    z: float
    realised: bool
    metric: str  # "auc" or "mae"

    @property
    def is_worse(self) -> bool:
        """Whether it is worse by more than chance and by enough to matter."""
        drop = self.usual - self.value if self.metric == "auc" else (self.value - self.usual) / max(self.usual, 1e-12)
        return self.z > LEAST_Z and drop > (LEAST_DROP if self.metric == "auc" else LEAST_RISE)


@dataclass
class Ranking:
    """Chances of yes or no: the area under the ROC curve that the scores promise."""

    calibration: Calibration
    usual: float
    chance_sd: float  # of the estimate over DRAW_ROWS records
    realised_usual: float
    realised_sd: float
    past: list[float] = field(default_factory=list)

    @classmethod
    def fit(cls, hit: np.ndarray, score: np.ndarray, seed: int) -> Ranking:
        """`hit` (records,) of 0 and 1, `score` (records,) without blanks."""
        calibration = Calibration.fit(hit, score)
        chance, random = calibration.chance(score), np.random.default_rng(seed)
        rows = min(DRAW_ROWS, len(score))
        drawn = [random.integers(0, len(score), rows) for _ in range(DRAWS)]
        estimates = [estimated_auc(chance[part], score[part]) for part in drawn]
        realised = [auc(hit[part], score[part]) for part in drawn if 0 < hit[part].sum() < rows]
        scale = np.sqrt(rows / DRAW_ROWS)
        return cls(
            calibration,
            estimated_auc(chance, score),
            float(np.nanstd(estimates)) * scale,
            auc(hit, score),
            float(np.std(realised)) * scale,
        )

    @classmethod
    def fit_chances(cls, score: np.ndarray, seed: int) -> Ranking:
        """Without outcomes: `score` (records,) are taken for calibrated chances; nothing realised can be judged."""
        random, rows = np.random.default_rng(seed), min(DRAW_ROWS, len(score))
        drawn = [score[random.integers(0, len(score), rows)] for _ in range(DRAWS)]
        spread = float(np.nanstd([estimated_auc(part, part) for part in drawn])) * np.sqrt(rows / DRAW_ROWS)
        return cls(Calibration(), estimated_auc(score, score), spread, float("nan"), float("nan"))

    def judge(self, score: np.ndarray) -> Verdict | None:
        """The estimate for a batch, (records,) of scores without blanks; None when there are too few."""
        if len(score) < LEAST_ROWS:
            return None
        value = estimated_auc(self.calibration.chance(score), score)
        drift = float(np.std([*self.past, self.usual])) if len(self.past) > 1 else 0.0
        sd = np.sqrt(self.chance_sd**2 * DRAW_ROWS / len(score) + drift**2)
        return (
            None
            if np.isnan(value)
            else Verdict(value, self.usual, float((self.usual - value) / max(sd, 1e-9)), False, "auc")
        )

    def judge_realised(self, hit: np.ndarray, score: np.ndarray) -> Verdict | None:
        """The figure for records whose outcome is known, (records,) each; None when too few of either kind have come."""
        if min(hit.sum(), len(hit) - hit.sum()) < LEAST_KNOWN:
            return None
        value = auc(hit, score)
        sd = self.realised_sd * np.sqrt(DRAW_ROWS / len(hit))
        return Verdict(value, self.realised_usual, float((self.realised_usual - value) / max(sd, 1e-9)), True, "auc")

    def accept(self, verdict: Verdict) -> None:
        """Remember a quiet estimate: how much estimates differ from batch to batch."""
        self.past = [*self.past, verdict.value][-KEPT:]


@dataclass
class Errors:
    """Predicted numbers: the mean absolute error that a model of the errors foretells."""

    model: ErrorModel
    usual: float
    sd: float  # over single records

    @classmethod
    def fit(cls, outcome: np.ndarray, score: np.ndarray, features: np.ndarray, seed: int) -> Errors:
        """`outcome` and `score` (records,) without blanks, `features` (records, columns)."""
        error = outcome - score
        half = (
            np.random.default_rng(seed).random(len(error)) < 0.5
        )  # the usual level is told on records the model does not know
        model = ErrorModel(seed).fit(features[half], error[half])
        told = np.maximum(np.asarray(model.model_.predict(features[~half], num_threads=1)), 0)
        return cls(model, float(told.mean()), float(told.std()))

    def judge(self, features: np.ndarray) -> Verdict | None:
        """The error to be expected of a batch, (records, fields); None when it holds too few."""
        if len(features) < LEAST_ROWS:
            return None
        value = self.model.mean_error(features)
        sd = self.sd * np.sqrt(1 / len(features) + 0.03**2)
        return Verdict(value, self.usual, (value - self.usual) / max(sd, 1e-12), False, "mae")
