"""The scorecard: the evaluation of a model on records it never saw, and what follows from it for bands and monitoring."""

from __future__ import annotations

from typing import Any

import numpy as np

from einstein.ml import reference
from einstein.ml.evaluate import evaluate
from einstein.ml.outcome import Outcome, size_words
from einstein.ml.scorer import band_cuts, bands_of
from einstein.ml.split import TEST_SHARE, Slices
from einstein.ml.verdict import verdict


def measure(outcome: Outcome, guess: np.ndarray, slices: Slices, seed: int) -> dict[str, Any]:
    """{"scorecard": ..., "bands": ..., "score_reference": ...} from guesses of the test records by models that never saw them."""
    target = outcome.target[slices.test]
    found = evaluate(outcome.task, target, guess, outcome.classes, baseline_of(outcome, slices.learn), seed)
    split = "newest" if slices.by_time else "crossed" if slices.crossed else "random"
    learnt = round(len(slices.learn) * (1 - TEST_SHARE)) if slices.crossed else len(slices.learn)
    found |= {"records": len(outcome.target), "learn_records": learnt, "split": split, "size": size_words(outcome)}
    value = value_of(outcome.task, guess)
    cuts = band_cuts(outcome.task, found["baseline"].get("share", 0.5), value)
    found["calibration_bands"] = _band_shares(outcome, target, value, cuts)
    found["verdict"] = verdict(found, outcome)
    # How scores of records that were not learnt from are spread is the yardstick of monitoring.
    spread = reference.describe_scores(value, bands_of(value, cuts))
    return {"scorecard": found, "bands": cuts, "score_reference": spread}


def value_of(task: str, guess: np.ndarray) -> np.ndarray:
    """The number a record is sorted by."""
    return guess if task == "regression" else guess[:, 1] if task == "binary" else guess.max(axis=1)


def baseline_of(outcome: Outcome, learn: np.ndarray) -> dict[str, float]:
    """Plain guessing: the share of the positive answer, the most frequent answer's share, or the mean."""
    target = outcome.target[learn]
    if outcome.task == "regression":
        return {"mean": float(target.mean())}
    if outcome.task == "binary":
        return {"share": float((target == 1).mean())}
    return {"accuracy": float(np.bincount(target.astype(int)).max() / len(target))}


def _band_shares(
    outcome: Outcome, target: np.ndarray, value: np.ndarray, cuts: dict[str, float]
) -> dict[str, list[float]]:
    """Per band: test records, and the share of them that turned out as predicted positive (binary only)."""
    if outcome.task != "binary":
        return {}
    bands = np.array(bands_of(value, cuts))
    return {
        band: [int((bands == band).sum()), float((target[bands == band] == 1).mean())]
        for band in ("high", "medium", "low")
        if (bands == band).any()
    }
