"""Fields that look otherwise in the records to score than in those to learn from."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from einstein.ml.columns import Column
from einstein.ml.distances import js_distance
from einstein.ml.guards.base import Finding, Guard, Subject

LEAST_SCORED = 500
BLOCK_FILL, BLOCK_RATIO, BLOCK_DISTANCE = 0.90, 20.0, 0.90
WARN_FILL, WARN_DISTANCE = 0.20, 0.10
BINS = 100


class Mismatch(Guard):
    name, title, order = "mismatch", "Other than what will be scored", 50
    source = "TransmogrifAI RawFeatureFilter: fill difference 0.90, fill ratio 20, Jensen-Shannon 0.90, 100 bins, 500 records to score"

    def look(self, subject: Subject) -> Iterable[Finding]:
        if subject.scored is None or not subject.columns or len(next(iter(subject.scored.values()))) < LEAST_SCORED:
            return
        for spec, learnt in list(subject.fields):
            scored = subject.scored[spec.name]
            fill, now = float((~learnt.blank).mean()), float((~scored.blank).mean())
            ratio = max(fill, now) / max(min(fill, now), 1e-9)
            distance = divergence(learnt, scored) if min(fill, now) > 0 and spec.family != "text" else 0.0
            if abs(fill - now) > BLOCK_FILL or ratio > BLOCK_RATIO or distance > BLOCK_DISTANCE:
                reason = f"It is filled in {fill:.0%} of the records to learn from and in {now:.0%} of those to score, or holds other values there."
                yield Finding(spec.name, "mismatch", True, reason, max(abs(fill - now), distance))
            elif abs(fill - now) > WARN_FILL or (
                distance > WARN_DISTANCE and spec.name != subject.time_field and spec.family != "date"
            ):
                reason = f"It looks otherwise in the records to score: filled in {fill:.0%} there, {now:.0%} here, or with other values."
                yield Finding(spec.name, "mismatch", False, reason, max(abs(fill - now), distance))


def divergence(first: Column, second: Column) -> float:
    """Jensen-Shannon divergence in bits, 0 to 1 (Lin 1991), over 100 quantile bins or the levels."""
    if first.numbers is not None:
        known = [column.values[~np.isnan(column.values)] for column in (first, second)]
        edges = np.unique(np.quantile(known[0], np.linspace(0, 1, BINS + 1)[1:-1]))
        shares = [
            np.bincount(np.searchsorted(edges, part), minlength=len(edges) + 1) / max(1, len(part)) for part in known
        ]
    else:
        levels = list(dict.fromkeys([*first.levels, *second.levels]))
        place = {level: number for number, level in enumerate(levels)}
        shares = []
        for column in (first, second):
            codes = np.array([place[level] for level in column.levels], dtype=int)[column.codes[column.codes >= 0]]
            shares.append(np.bincount(codes, minlength=len(levels)) / max(1, len(codes)))
    return js_distance(shares[0], shares[1], base=2) ** 2


GUARD = Mismatch()
