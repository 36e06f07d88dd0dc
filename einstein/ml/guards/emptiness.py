"""Fields whose being filled or blank gives the outcome away: they are filled in when it happens."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.stats import rankdata

from einstein.ml.auc import auc
from einstein.ml.guards.base import Finding, Guard, Subject

LEAST_SIDE = 20  # records that are filled (or blank) before anything is said
PURE = 0.98
TELLING = 0.95  # AUC of being filled, from which both sides are nearly pure
CHANCE = 1e-6  # of such purity if the field had nothing to do with the outcome
STRONG_SHARE, STRONG_LIFT = 0.90, 0.55
STRONG_CORRELATION = 0.60


class Emptiness(Guard):
    name, title, order = "emptiness", "Filled in when it happens", 20
    source = "ours; DataRobot and Pecan describe the fault, the bound on chance is a binomial tail"

    def look(self, subject: Subject) -> Iterable[Finding]:
        for spec, column in list(subject.fields):
            blank = column.blank
            if min(blank.sum(), (~blank).sum()) < LEAST_SIDE:
                continue
            finding = (
                self._numbers(spec.name, blank, subject)
                if subject.outcome.task == "regression"
                else self._answers(spec.name, blank, subject)
            )
            if finding:
                yield finding

    def _answers(self, name: str, blank: np.ndarray, subject: Subject) -> Finding | None:
        classes = subject.outcome.classes
        telling = max((abs(auc(hit, blank.astype(float)) - 0.5) + 0.5 for hit in subject.hits), default=0.5)
        for word, side in (("filled", ~blank), ("blank", blank)):
            counts = np.bincount(subject.target[side].astype(int), minlength=len(classes))
            top = int(counts.argmax())
            share, usual = counts[top] / side.sum(), float((subject.target == top).mean())
            unlikely = side.sum() * np.log10(max(usual, 1e-9)) < np.log10(CHANCE)
            if (share >= PURE or (telling >= TELLING and share > 0.9)) and unlikely:
                return Finding(
                    name, "emptiness", True,
                    f"Where it is {word}, {subject.outcome.field} is {classes[top]} in {counts[top]:,} of {side.sum():,} records. It is probably filled in afterwards.",
                    float(share),
                )  # fmt: skip
            if share >= STRONG_SHARE and share - usual >= STRONG_LIFT * (1 - usual) and side.mean() > 0.05:
                return Finding(
                    name, "emptiness", False,
                    f"Where it is {word}, {subject.outcome.field} is {classes[top]} in {counts[top]:,} of {side.sum():,} records. Keep it only if it is filled in before the outcome.",
                    float(share),
                )  # fmt: skip
        return None

    def _numbers(self, name: str, blank: np.ndarray, subject: Subject) -> Finding | None:
        strength = abs(float(np.corrcoef(blank.astype(float), rankdata(subject.target))[0, 1]))
        if strength < STRONG_CORRELATION:
            return None
        return Finding(
            name,
            "emptiness",
            False,
            f"Whether it is filled says a lot about {subject.outcome.field}. Keep it only if it is filled in before the outcome.",
            strength,
        )


GUARD = Emptiness()
