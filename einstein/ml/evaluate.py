"""How good a model is, counted on records it never saw, with intervals and against plain guessing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import norm

from einstein.ml.auc import auc
from einstein.ml.judge import log_loss

RESAMPLES = 600
LARGE = 50_000  # above, fewer resamples: the interval is narrow and each one costs a sort
TOP_RECORDS = 100
TOP_NEEDS = 1000  # test records before "of the 100 highest" is said; else the top tenth
CALIBRATION_GROUPS = 10
GRADES = [(0.90, "A"), (0.80, "B"), (0.70, "C"), (0.60, "D"), (-1.0, "E")]  # by ranking quality (AUC); ours
NUMBER_GRADES = [(0.90, "A"), (0.70, "B"), (0.40, "C"), (0.10, "D"), (-9e9, "E")]  # by explained variance (R2); ours
TOO_GOOD = 0.995


def evaluate(
    task: str, target: np.ndarray, guess: np.ndarray, classes: list[str], baseline: dict[str, float], seed: int
) -> dict[str, Any]:
    """The measured part of a scorecard as JSON: metrics with 95 % intervals, grade, counts and curves.

    `target` (records,), `guess` (records, classes) or (records,), both of the test slice only.
    """
    if task == "regression":
        found = _numbers(target, guess, baseline, seed)
    elif task == "binary":
        found = _binary(target, guess, seed)
    else:
        found = _several(target, guess, classes, seed)
    return found | {"test_records": len(target), "baseline": baseline}


def interval(
    measure: Callable[[np.ndarray], float], size: int, seed: int, losses: np.ndarray | None = None
) -> dict[str, float]:
    """{"value", "low", "high"}: bias-corrected and accelerated bootstrap, 95 % (Efron 1987, "Better bootstrap confidence intervals").

    `measure` takes row numbers. `losses` (records,) are the parts the measure is a mean of; their skewness is the acceleration,
    0 where there are none.
    """
    rng = np.random.default_rng(seed)
    draws = np.array(
        [measure(rng.integers(0, size, size)) for _ in range(RESAMPLES if size <= LARGE else RESAMPLES // 8)]
    )
    value = float(measure(np.arange(size)))
    low, high = np.nanquantile(draws, _tails(draws, value, _acceleration(losses)))
    return {"value": value, "low": float(low), "high": float(high)}


def _acceleration(losses: np.ndarray | None) -> float:
    if losses is None or np.ptp(losses) == 0:
        return 0.0
    moved = losses - losses.mean()
    return float((moved**3).sum() / (6 * (moved**2).sum() ** 1.5))


def _tails(draws: np.ndarray, value: float, acceleration: float) -> list[float]:
    """The two quantiles of the draws that hold the middle 95 %."""
    known = draws[~np.isnan(draws)]
    below = float(np.clip(((known < value).sum() + (known == value).sum() / 2) / max(1, len(known)), 0.02, 0.98))
    bias = float(norm.ppf(below))
    ends = (bias + norm.ppf(tail) for tail in (0.025, 0.975))
    return [float(norm.cdf(bias + end / (1 - acceleration * end))) for end in ends]


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    z, share = 1.96, hits / count
    middle, spread = share + z * z / (2 * count), z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return float((middle - spread) / (1 + z * z / count)), float((middle + spread) / (1 + z * z / count))


def _binary(target: np.ndarray, guess: np.ndarray, seed: int) -> dict[str, Any]:
    hit, score = (target == 1).astype(float), guess[:, 1]
    size = len(hit)
    metrics = {
        "auc": interval(lambda rows: _safe_auc(hit[rows], score[rows]), size, seed),
        "log_loss": interval(lambda rows: log_loss(target[rows], guess[rows]), size, seed, _log_losses(target, guess)),
        "brier": interval(lambda rows: float(np.mean((hit[rows] - score[rows]) ** 2)), size, seed, (hit - score) ** 2),
        "accuracy": interval(lambda rows: float(((score[rows] >= 0.5) == (hit[rows] > 0)).mean()), size, seed),
    }
    order = np.argsort(-score, kind="stable")
    count = TOP_RECORDS if size >= TOP_NEEDS else max(1, size // 10)
    hits = int(hit[order][:count].sum())
    low, high = wilson(hits, count)
    calibration = _calibration(hit, score)
    return {
        "metrics": metrics,
        "calibration_error": float(sum(abs(said - happened) * n for said, happened, n, _, _ in calibration) / size),
        "grade": _grade(metrics["auc"], GRADES, 0.5),
        "too_good": metrics["auc"]["value"] >= TOO_GOOD,
        "positives": int(hit.sum()),
        "top": {"count": count, "hits": hits, "random": float(hit.mean() * count), "low": low, "high": high},
        "gains": _gains(hit, order),
        "calibration": calibration,
        "thresholds": _thresholds(hit, score),
    }


def _several(target: np.ndarray, guess: np.ndarray, classes: list[str], seed: int) -> dict[str, Any]:
    said = guess.argmax(axis=1)
    size = len(target)
    metrics = {
        "accuracy": interval(lambda rows: float((said[rows] == target[rows]).mean()), size, seed),
        "macro_f1": interval(lambda rows: _macro_f1(target[rows], said[rows], len(classes)), size, seed),
        "auc": interval(lambda rows: _macro_auc(target[rows], guess[rows]), size, seed),
        "log_loss": interval(lambda rows: log_loss(target[rows], guess[rows]), size, seed, _log_losses(target, guess)),
    }
    confusion = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(confusion, (target.astype(int), said), 1)
    return {
        "metrics": metrics,
        "grade": _grade(metrics["auc"], GRADES, 0.5),
        "too_good": bool(metrics["accuracy"]["value"] >= TOO_GOOD and size >= TOP_NEEDS),
        "confusion": confusion.tolist(),
        "classes": classes,
        "right": int((said == target).sum()),
    }


def _numbers(target: np.ndarray, guess: np.ndarray, baseline: dict[str, float], seed: int) -> dict[str, Any]:
    size, error = len(target), np.abs(target - guess)
    metrics = {
        "r2": interval(lambda rows: _r2(target[rows], guess[rows]), size, seed),
        "mae": interval(lambda rows: float(error[rows].mean()), size, seed, error),
        "rmse": interval(lambda rows: float(np.sqrt(np.mean((target[rows] - guess[rows]) ** 2))), size, seed, error**2),
        "median_error": interval(lambda rows: float(np.median(error[rows])), size, seed),
    }
    rows = np.linspace(0, size - 1, min(size, 300)).astype(int)
    return {
        "metrics": metrics,
        "grade": _grade(metrics["r2"], NUMBER_GRADES, 0.0),
        "too_good": metrics["r2"]["value"] >= TOO_GOOD,
        "pairs": [[float(guess[i]), float(target[i])] for i in rows],
        "baseline_error": float(np.abs(target - baseline["mean"]).mean()),
        "within": [[share, float(np.quantile(error, share))] for share in (0.5, 0.8, 0.9)],
    }


def _grade(metric: dict[str, float], scale: list[tuple[float, str]], guessing: float) -> str:
    """The letter of the value; E when the interval reaches down to guessing."""
    if metric["low"] <= guessing:
        return "E"
    return next(letter for least, letter in scale if metric["value"] >= least)


def _gains(hit: np.ndarray, order: np.ndarray) -> list[list[float]]:
    """[share of records taken, share of all hits reached] in steps of 5 %."""
    reached = np.concatenate([[0], np.cumsum(hit[order])]) / max(1.0, hit.sum())
    return [[share / 100, float(reached[round(len(hit) * share / 100)])] for share in range(0, 101, 5)]


def _calibration(hit: np.ndarray, score: np.ndarray) -> list[list[float]]:
    """[mean score, share of hits, records, low, high] of ten groups of equal size."""
    groups = np.array_split(np.argsort(score, kind="stable"), min(CALIBRATION_GROUPS, max(1, len(score) // 10)))
    return [
        [float(score[g].mean()), float(hit[g].mean()), len(g), *wilson(int(hit[g].sum()), len(g))]
        for g in groups
        if len(g)
    ]


def _thresholds(hit: np.ndarray, score: np.ndarray) -> list[list[int]]:
    """[percent, hits called, called in vain, hits missed, rightly not called] for 1 to 99 %."""
    table = []
    for percent in range(1, 100):
        called = score >= percent / 100
        caught = int((called & (hit > 0)).sum())
        table.append(
            [percent, caught, int(called.sum()) - caught, int(hit.sum()) - caught, int((~called & (hit == 0)).sum())]
        )
    return table


def _log_losses(target: np.ndarray, guess: np.ndarray) -> np.ndarray:
    return -np.log(np.clip(guess[np.arange(len(target)), target.astype(int)], 1e-7, 1))


def _safe_auc(hit: np.ndarray, score: np.ndarray) -> float:
    return auc(hit, score) if 0 < hit.sum() < len(hit) else float("nan")


def _macro_auc(target: np.ndarray, guess: np.ndarray) -> float:
    return float(
        np.nanmean([_safe_auc((target == number).astype(float), guess[:, number]) for number in range(guess.shape[1])])
    )


def _macro_f1(target: np.ndarray, said: np.ndarray, classes: int) -> float:
    scores = []
    for number in range(classes):
        both, either = ((target == number) & (said == number)).sum(), (target == number).sum() + (said == number).sum()
        scores.append(2 * both / either if either else 0.0)
    return float(np.mean(scores))


def _r2(target: np.ndarray, guess: np.ndarray) -> float:
    return float(1 - np.sum((target - guess) ** 2) / max(np.sum((target - target.mean()) ** 2), 1e-12))
