"""Which doubtful fields are worth their features: each must earn its place on records a quick model did not learn from.

Doubtful are fields that become many features or features with a memory (free text, names and codes with many answers), and,
where records are ordered in time, dates: a model cannot learn from years it has not seen. Everything else stays.
The quick model is LightGBM's default size; a field stays when leaving it out makes the loss of the held-out records larger.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from einstein.ml.blend import folds_of, loss_of
from einstein.ml.features import Encoder
from einstein.ml.members import FAMILIES
from einstein.ml.members.base import Job

QUICK: dict[str, Any] = {"n_estimators": 80, "num_leaves": 15, "min_child_samples": 20, "learning_rate": 0.1}
MOST_RECORDS, MOST_TRIED = 6000, 8
DOUBTFUL = {"text", "statistics"}


def worthless_fields(
    encoder: Encoder, features: np.ndarray, target: np.ndarray, job: Job, keep: list[str], deadline: float
) -> list[str]:
    """Names of doubtful fields without which a quick model does no worse; never one of `keep`. Stops at `deadline`."""
    doubtful = [
        spec.name
        for spec, rule in zip(encoder.specs, encoder.rules, strict=True)
        if spec.name not in keep and (rule["kind"] in DOUBTFUL or (job.ordered and rule["kind"] == "date"))
    ]
    if not doubtful or len(encoder.specs) == 1:
        return []
    rows = _some(len(target), job)
    owner, features, target = np.array(encoder.columns), features[rows], target[rows]
    folds = folds_of(target, job)
    kept = np.ones(len(owner), dtype=bool)
    best = _loss(features, target, job, folds)
    out: list[str] = []
    widest = sorted(doubtful, key=lambda name: -int((owner == name).sum()))
    for name in widest[:MOST_TRIED]:
        without = kept & (owner != name)
        if time.monotonic() > deadline or not without.any():
            break
        loss = _loss(features[:, without], target, job, folds)
        if loss <= best:
            out.append(name)
            kept, best = without, loss
    return out


def _some(count: int, job: Job) -> np.ndarray:
    """Rows to try on: all of them, else evenly spread ones in order."""
    if count <= MOST_RECORDS:
        return np.arange(count)
    if job.ordered:
        return np.linspace(0, count - 1, MOST_RECORDS).astype(int)
    return np.sort(np.random.default_rng(job.seed).choice(count, MOST_RECORDS, replace=False))


def _loss(features: np.ndarray, target: np.ndarray, job: Job, folds: list[tuple[np.ndarray, np.ndarray]]) -> float:
    losses = []
    for learn, hold in folds:
        member = FAMILIES["lgbm"](job).fit(features[learn], target[learn], QUICK)
        losses.append(loss_of(target[hold], member.predict(features[hold]), job))
    return float(np.mean(losses))
