"""What an engine's scores are worth: AUC, accuracy or R2; log loss; and the paired bootstrap between two engines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score

from einstein.ml.auc import auc

DRAWS = 1000
TOLERANCE = {"binary": 0.006, "multiclass": 0.006, "regression": 0.015}


def quality(scores: pd.DataFrame, truth: pd.Series, task: str, positive: str | None) -> float:
    """AUC of the positive answer, accuracy over all answers, or R2."""
    if task == "regression":
        return float(r2_score(truth.astype(float), scores["prediction"]))
    if task == "binary":
        return float(roc_auc_score(truth == positive, chance_of(scores, positive)))
    return float(accuracy_score(truth, _classes(scores)[_chances(scores).argmax(axis=1)]))


def loss(scores: pd.DataFrame, truth: pd.Series, task: str) -> float | None:
    """Mean log loss of the probabilities; None for numbers."""
    if task == "regression":
        return None
    chances = np.clip(_chances(scores), 1e-7, 1)
    return float(log_loss(truth, chances / chances.sum(axis=1, keepdims=True), labels=list(_classes(scores))))


def worse_by(
    ours: pd.DataFrame, rival: pd.DataFrame, truth: pd.Series, task: str, positive: str | None, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of (rival minus ours), by resampling the same test records for both (Efron's percentile bootstrap)."""
    random = np.random.default_rng(seed)
    measures = [_by_rows(scores, truth, task, positive) for scores in (rival, ours)]
    differences = []
    for _ in range(DRAWS):
        rows = random.integers(0, len(truth), len(truth))
        found = [measure(rows) for measure in measures]
        if None not in found:
            differences.append(found[0] - found[1])
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def _by_rows(
    scores: pd.DataFrame, truth: pd.Series, task: str, positive: str | None
) -> Callable[[np.ndarray], float | None]:
    """`quality` as a function of row numbers, on plain arrays; None where only one answer was drawn."""
    if task == "regression":
        seen, said = truth.astype(float).to_numpy(), scores["prediction"].to_numpy(float)
        return lambda rows: 1 - float(((seen[rows] - said[rows]) ** 2).mean()) / float(seen[rows].var())
    if task == "multiclass":
        right = _classes(scores)[_chances(scores).argmax(axis=1)] == truth.to_numpy()
        return lambda rows: float(right[rows].mean())
    hit, chance = (truth == positive).to_numpy(float), chance_of(scores, positive)
    return lambda rows: auc(hit[rows], chance[rows]) if 0 < hit[rows].sum() < len(rows) else None


def chance_of(scores: pd.DataFrame, answer: str | None) -> np.ndarray:
    return scores[f"probability_{answer}"].to_numpy(dtype=float)


def _classes(scores: pd.DataFrame) -> np.ndarray:
    return np.array(
        sorted(name.removeprefix("probability_") for name in scores.columns if name.startswith("probability_"))
    )


def _chances(scores: pd.DataFrame) -> np.ndarray:
    return scores[[f"probability_{name}" for name in _classes(scores)]].to_numpy(dtype=float)
