"""Which doubtful fields are worth their features: each must earn its place on records a quick model did not learn from.

Doubtful are fields that become features with a memory (free text, codes, names with many answers), and, where records are
ordered in time, dates: a model cannot learn from years it has not seen. Everything else stays. A field stays when leaving it
out makes the loss of the held-out records larger.
"""

from __future__ import annotations

import time
from typing import Any

from einstein.ml.columns import Column
from einstein.ml.features.encoder import kind_of
from einstein.ml.folds import Folds
from einstein.ml.schema import FieldSpec
from einstein.ml.trials import run_trial

QUICK: dict[str, Any] = {
    "leaves": 15, "rate": 0.1, "least": 20, "columns": 0.8, "rows": 1.0, "l1": 0.01, "l2": 1.0, "rounds": 120,
}  # fmt: skip
MOST_TRIED = 8
DOUBTFUL = {"text", "statistics", "code"}


def worthless_fields(
    columns: dict[str, Column], specs: list[FieldSpec], folds: Folds, keep: list[str], deadline: float
) -> list[str]:
    """Names of doubtful fields without which a quick model does no worse; never one of `keep`. Stops at `deadline`."""
    kinds = {spec.name: kind_of(spec, columns[spec.name]) for spec in specs}
    doubtful = [
        name
        for name, kind in kinds.items()
        if name not in keep and (kind in DOUBTFUL or (folds.job.ordered and kind == "date"))
    ]
    if not doubtful or len(specs) == 1:
        return []
    best = _loss(folds)
    out: list[str] = []
    for name in sorted(doubtful, key=lambda name: -_width(folds, name))[:MOST_TRIED]:
        if time.monotonic() > deadline or len(out) + 1 == len(specs):
            break
        without = folds.without(name)
        loss = _loss(without)
        if loss <= best:
            out.append(name)
            folds, best = without, loss
    return out


def _loss(folds: Folds) -> float:
    """Of later records where order counts: whether a date helps is asked of times that were not learnt from."""
    judge = folds.judge
    return judge.later_loss(judge.told(run_trial("lgbm", QUICK, folds).guess))


def _width(folds: Folds, name: str) -> int:
    return sum(name in owners for owners in folds.folds[0].owners)
