"""Fields without which a nearly perfect model is far from perfect: they hold the outcome, mixed with something else."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from einstein.ml.auc import auc
from einstein.ml.features import Encoder
from einstein.ml.guards.base import Finding, Guard, Subject, clipped
from einstein.ml.members.base import Job, Practice
from einstein.ml.members.light_gbm import LightGBM
from einstein.ml.worth import QUICK

MOST_RECORDS = 4000
NEAR_PERFECT = 0.97  # AUC or R2 of a quick model
TIMES_WORSE = 3.0  # what is missing to perfect, without the field
LEAST_LOSS = 0.03
TRIED = 3
MOST_FIELDS = 300


class Together(Guard):
    name, title, order = "together", "Gives the outcome away with others", 70
    source = "ours; Pecan and Einstein Discovery ask when a model is too good to be true"

    def look(self, subject: Subject) -> Iterable[Finding]:
        specs = [spec for spec, _ in subject.fields if spec.family != "text"]
        if subject.outcome.task == "multiclass" or not 2 <= len(specs) <= MOST_FIELDS:
            return
        rows = np.random.default_rng(subject.seed).permutation(len(subject.target))[:MOST_RECORDS]
        encoder = Encoder(specs, subject.seed)
        target = (
            clipped(subject.target[rows])
            if subject.outcome.task == "regression"
            else subject.target[rows].astype(float)
        )
        half = len(rows) // 2
        columns = {spec.name: subject.columns[spec.name].take(rows) for spec in specs}
        learn = encoder.fit_transform(
            {name: column.take(np.arange(half)) for name, column in columns.items()}, target[:half].reshape(-1, 1)
        )
        hold = encoder.transform({name: column.take(np.arange(half, len(rows))) for name, column in columns.items()})
        owners = np.array([names[0] for names in encoder.owners])
        best, gains = _quality(learn, hold, target, half, subject.outcome.task)
        if best < NEAR_PERFECT:
            return
        totals = {spec.name: gains[owners == spec.name].sum() for spec in specs}
        for name in sorted(totals, key=lambda name: -totals[name])[:TRIED]:
            without, _ = _quality(learn[:, owners != name], hold[:, owners != name], target, half, subject.outcome.task)
            if 1 - without > TIMES_WORSE * (1 - best) and best - without > LEAST_LOSS:
                reason = f"With it {subject.outcome.field} can be told almost surely, without it not nearly. It may hold the outcome, mixed with other fields."
                yield Finding(name, "suspicious", False, reason, best)


def _quality(learn: np.ndarray, hold: np.ndarray, target: np.ndarray, half: int, task: str) -> tuple[float, np.ndarray]:
    """(AUC or R2 on the held-out half, gain of each feature)."""
    member = LightGBM(Job(task, 2, threads=1)).fit(learn, target[:half], QUICK, Practice())
    guess, seen = member.predict(hold), target[half:]
    if task == "regression":
        quality = 1 - float(np.mean((seen - guess) ** 2)) / max(float(np.var(seen)), 1e-12)
    else:
        quality = auc(seen, guess[:, 1]) if 0 < seen.sum() < len(seen) else 0.5
    return quality, member.booster.feature_importance("gain")


GUARD = Together()
