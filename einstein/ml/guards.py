"""What must not be learnt from: ids, constants, near-empty fields, twins, and fields that give the answer away.

Thresholds: near-empty fill 0.001 and twins 0.99 from TransmogrifAI's SanityChecker; a certain leak at a single-field AUC of
0.99 or a correlation of 0.95, a suspicious field at 0.90 (DataRobot asks at 0.85, H2O at 0.95).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from einstein.ml.outcome import Outcome
from einstein.ml.schema import FieldSpec, parse
from einstein.ml.types.base import clean_text

LEAST_FILL = 0.001
CERTAIN_AUC, SUSPICIOUS_AUC = 0.99, 0.90
CERTAIN_CORRELATION, SUSPICIOUS_CORRELATION = 0.95, 0.90
GROUPS = 25
LEAST_IN_GROUP = 5
MOST_RECORDS = 20_000  # a sample is enough to see a leak


@dataclass(frozen=True)
class Finding:
    """One field with a reason to leave it out (`certain`) or to ask about it."""

    field: str
    kind: str
    certain: bool
    reason: str
    strength: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def inspect_fields(table: pd.DataFrame, specs: list[FieldSpec], outcome: Outcome, seed: int = 0) -> list[Finding]:
    """Findings for the fields of the records to learn from. `table` holds only records whose outcome is known."""
    rows = np.arange(len(table))
    if len(rows) > MOST_RECORDS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_RECORDS, replace=False))
    sample, target = table.iloc[rows], outcome.target[rows]
    findings = [_field(sample[spec.name], spec, target, outcome, seed) for spec in specs]
    return [finding for finding in findings if finding is not None]


def _field(values: pd.Series, spec: FieldSpec, target: np.ndarray, outcome: Outcome, seed: int) -> Finding | None:
    filled = clean_text(values).dropna()
    if len(filled) < max(1, LEAST_FILL * len(values)):
        return Finding(spec.name, "empty", True, "It is blank in (nearly) every record.")
    if filled.nunique() == 1 and len(filled) == len(values):
        return Finding(spec.name, "constant", True, f"It is {filled.iloc[0]} in every record, so it tells none apart.")
    if spec.type == "id":
        return Finding(spec.name, "id", True, "It names the record; a model would only memorise it.")
    if spec.family == "none":
        return Finding(spec.name, "contact", True, "It names a person; there is nothing to learn from it.")
    return _leak(values, spec, target, outcome, seed)


def _leak(values: pd.Series, spec: FieldSpec, target: np.ndarray, outcome: Outcome, seed: int) -> Finding | None:
    strength = alone(values, spec, target, outcome, seed)
    certain, suspicious = (
        (CERTAIN_CORRELATION, SUSPICIOUS_CORRELATION) if outcome.task == "regression" else (CERTAIN_AUC, SUSPICIOUS_AUC)
    )
    if strength >= certain:
        reason = f"It gives {outcome.field} away almost always by itself. It was probably filled in afterwards."
        return Finding(spec.name, "leak", True, reason, strength)
    if strength >= suspicious:
        reason = (
            f"It alone says nearly everything about {outcome.field}. Keep it only if you know it before the outcome."
        )
        return Finding(spec.name, "suspicious", False, reason, strength)
    return None


def alone(values: pd.Series, spec: FieldSpec, target: np.ndarray, outcome: Outcome, seed: int = 0) -> float:
    """How well one field predicts by itself: cross-fitted AUC (classes) or correlation (numbers), 0.5 or 0 when not at all."""
    groups = _groups(values, spec)
    half = np.random.default_rng(seed).random(len(target)) < 0.5
    if outcome.task == "regression":
        guess = _cross_fitted(groups, target.astype(float), half)
        return float(abs(np.corrcoef(guess, target)[0, 1])) if np.ptp(guess) > 0 else 0.0
    found = []
    for number in range(1 if outcome.task == "binary" else 0, len(outcome.classes)):
        hit = (target == number).astype(float)
        if 0 < hit.sum() < len(hit):
            found.append(auc(hit, _cross_fitted(groups, hit, half)))
    return float(np.mean(found)) if found else 0.5


def auc(hit: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve by ranks, ties counted half."""
    positives = hit.sum()
    ranks = rankdata(score)
    return float((ranks[hit > 0].sum() - positives * (positives + 1) / 2) / (positives * (len(hit) - positives)))


def _groups(values: pd.Series, spec: FieldSpec) -> np.ndarray:
    """Group number of each record: quantiles of a number or date, levels of the rest; blank is a group of its own."""
    parsed = parse(values, spec)
    if spec.family in {"number", "date"}:
        numbers = parsed.astype("int64").to_numpy(float) if spec.family == "date" else parsed.to_numpy(float)
        blank = parsed.isna().to_numpy()
        edges = (
            np.unique(np.quantile(numbers[~blank], np.linspace(0, 1, GROUPS + 1)[1:-1]))
            if (~blank).any()
            else np.array([])
        )
        return np.where(blank, 0, np.searchsorted(edges, numbers, side="right") + 1)
    codes, _ = pd.factorize(parsed.astype("object").map(lambda v: None if v is None or v != v else str(v)))
    counts = np.bincount(codes + 1, minlength=1)
    return np.where(counts[codes + 1] >= LEAST_IN_GROUP, codes + 1, len(counts))


def _cross_fitted(groups: np.ndarray, hit: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Each record's guess is the mean of its group in the other half."""
    guess = np.empty(len(hit))
    for here in (half, ~half):
        learn = ~here
        overall = hit[learn].mean() if learn.any() else 0.0
        sums = np.bincount(groups[learn], weights=hit[learn], minlength=groups.max() + 1)
        counts = np.bincount(groups[learn], minlength=groups.max() + 1)
        guess[here] = ((sums + overall) / (counts + 1))[groups[here]]
    return guess
