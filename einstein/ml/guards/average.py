"""Fields that are an average of the outcome itself, such as "churn rate of the region", reckoned with the record's own outcome."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from einstein.ml.guards.base import Finding, Guard, Subject

LEAST_VALUES = 4
EXACT = 0.02  # of the outcome's spread that a group's mean may differ
MOST_OFF = 0.10  # share of records in groups that differ more
LEAST_REPEATED = 0.5  # of the records share their value with another


class Average(Guard):
    name, title, order = "average", "An average of the outcome", 25
    source = "ours: the mean outcome of the records with a value equals the value only if it was reckoned from them"

    def look(self, subject: Subject) -> Iterable[Finding]:
        targets = subject.hits if subject.outcome.task != "regression" else [subject.target.astype(float)]
        for spec, column in list(subject.fields):
            if column.numbers is not None and any(_is_average(column.numbers, target) for target in targets):
                reason = f"It is an average of {subject.outcome.field} that includes the record's own. It cannot be known before."
                yield Finding(spec.name, "average", True, reason, subject.strengths[spec.name])


def _is_average(numbers: np.ndarray, target: np.ndarray) -> bool:
    known = ~np.isnan(numbers)
    values, groups, counts = np.unique(numbers[known], return_inverse=True, return_counts=True)
    repeated = counts[groups] > 1
    if len(values) < LEAST_VALUES or repeated.mean() < LEAST_REPEATED:
        return False
    seen, spread = target[known], float(target.std()) or 1.0
    means = np.bincount(groups, weights=seen) / counts
    if np.std(means[counts > 1]) < 0.05 * spread:
        return False  # groups that do not differ prove nothing
    off = np.abs(means - values)[groups] > EXACT * spread
    return bool(off[repeated].mean() <= MOST_OFF)


GUARD = Average()
