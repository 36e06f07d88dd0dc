"""A blend of the best trials: weights chosen greedily on held-out predictions (Caruana et al. 2004, "Ensemble selection from
libraries of models"), averaged over resamples so that luck in few records does not choose, then calibrated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from einstein.ml.folds import Folds
from einstein.ml.judge import Judge, log_loss
from einstein.ml.members.base import Job
from einstein.ml.trials import Trial

RESAMPLES = 12
ROUNDS = 15
MOST_MEMBERS = 3  # a fourth weighs little, and every one costs a tenth to a fifth of a millisecond a record
MOST_JUDGED = 25_000  # held-out records that weights are chosen on
MOST_TRIALS = 30
LEAST_WEIGHT = 0.04
LEAST_SLOPE, MOST_MARGIN = 0.3, 0.2
WORTH_OF_A_PARAMETER = 2.0  # log-likelihood that a calibration must gain a parameter (between AIC's 1 and BIC's)


@dataclass
class Blend:
    """Trials with weights that add up to one, and how the mixed probabilities are calibrated."""

    parts: list[tuple[Trial, float]]
    calibration: dict[str, float]


def choose_blend(trials: list[Trial], folds: Folds, rows: np.ndarray | None = None) -> Blend:
    """The blend that guesses the held-out rows best; `rows` are places among `Folds.rows` to choose by, all of them usually."""
    judge, target = folds.judge, folds.target[folds.rows]
    rows = np.arange(len(target)) if rows is None else rows
    losses = [judge.loss(judge.told(trial.guess)[rows], rows) for trial in trials]
    ranked = [trials[place] for place in np.argsort(losses, kind="stable")[:MOST_TRIALS]]
    told = np.array([judge.told(trial.guess) for trial in ranked])
    random = np.random.default_rng(folds.job.seed)
    size = min(len(rows), MOST_JUDGED)
    weights = np.zeros(len(ranked))
    for draw in range(RESAMPLES):
        drawn = rows[random.integers(0, len(rows), size)] if draw or size < len(rows) else rows
        weights += greedy(told[:, drawn], judge, drawn)
    weights[np.argsort(-weights)[MOST_MEMBERS:]] = 0
    weights[weights < LEAST_WEIGHT * weights.sum()] = 0
    weights /= weights.sum()
    parts = [(trial, float(weight)) for trial, weight in zip(ranked, weights, strict=True) if weight > 0]
    later = rows[rows >= judge.early]
    mixed = np.asarray(sum(weight * trial.guess[later] for trial, weight in parts))
    return Blend(parts, fit_calibration(mixed, target[later], folds.job))


def greedy(told: np.ndarray, judge: Judge, rows: np.ndarray) -> np.ndarray:
    """Shares of each guess among the picked ones, shape (guesses,); `told` (guesses, rows) of the records at `rows`."""
    losses = [judge.loss(guess, rows) for guess in told]
    picked = [int(np.argmin(losses))]
    total = told[picked[0]].copy()
    best, kept = losses[picked[0]], 1
    for _ in range(ROUNDS - 1):
        losses = [judge.loss((total + guess) / (len(picked) + 1), rows) for guess in told]
        chosen = int(np.argmin(losses))
        picked.append(chosen)
        total += told[chosen]
        if losses[chosen] < best - 1e-9:
            best, kept = losses[chosen], len(picked)
    return np.bincount(picked[:kept], minlength=len(told)) / kept


def fit_calibration(guess: np.ndarray, target: np.ndarray, job: Job) -> dict[str, float]:
    """How chances are mended, on held-out records: {} when nothing is gained by it.

    Two classes: {"slope", "shift"} in log-odds (Platt 1999), or with {"low", "high"} beside, chances that are never left behind
    (the four-parameter logistic of Barton and Lord 1981): where answers are wrong now and then, nothing is quite sure. More
    classes: {"slope"}.
    """
    if job.task == "regression":
        return {}
    starts = [[1.0, 0.0], [1.0, 0.0, 0.01, 0.01]] if job.task == "binary" else [[1.0]]

    def cost(values: np.ndarray) -> float:
        bad = values[0] <= LEAST_SLOPE or (
            len(values) == 4 and (values[2:].min() < 0 or values[2:].max() > MOST_MARGIN)
        )
        return float("inf") if bad else log_loss(target, calibrated(guess, _named(values), job))

    best, best_cost = {}, log_loss(target, guess) * len(target)
    for start in starts:
        found = minimize(cost, start, method="Nelder-Mead", options={"maxiter": 240, "xatol": 1e-4, "fatol": 1e-8})
        paid = float(found.fun) * len(target) + WORTH_OF_A_PARAMETER * len(start)
        if paid < best_cost:
            best, best_cost = _named(found.x), paid
    return best


def calibrated(guess: np.ndarray, calibration: dict[str, Any], job: Job) -> np.ndarray:
    """(records, classes) after calibration; numbers are left as they are."""
    if not calibration:
        return guess
    logs = calibration["slope"] * np.log(np.clip(guess, 1e-9, 1.0))
    if job.task == "binary":
        margin = logs[:, 1] - logs[:, 0] + calibration["shift"]
        low, high = calibration.get("low", 0.0), calibration.get("high", 0.0)
        positive = low + (1.0 - low - high) / (1.0 + np.exp(-margin))
        return np.column_stack([1.0 - positive, positive])
    exponents = np.exp(logs - logs.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def _named(values: np.ndarray) -> dict[str, float]:
    return dict(zip(("slope", "shift", "low", "high"), (float(value) for value in values), strict=False))
