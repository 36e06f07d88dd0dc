"""Would more records help? A quick model on a quarter, a half and all of the learning records, judged on the same held-out ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from einstein.ml.folds import Fold, Folds
from einstein.ml.trials import run_trial
from einstein.ml.worth import QUICK

SHARES = (0.25, 0.5, 1.0)
HELPS = 0.03  # of the loss that the second half of the records took away
LEAST_RECORDS = 40


def learning_curve(folds: Folds) -> dict[str, Any]:
    """{"points": [[records, quality]], "more_helps": bool, "words": sentence}; {} when there are too few records to halve."""
    first = folds.folds[0]
    if len(first.learn) * SHARES[0] < LEAST_RECORDS:
        return {}
    points, losses = [], []
    for share in SHARES:
        part = Folds([_some(first, share, folds)], folds.target, folds.job)
        trial = run_trial("lgbm", QUICK, part)
        losses.append(trial.loss)
        points.append([len(part.folds[0].learn), round(trial.quality, 4)])
    helps = losses[2] < losses[1] * (1 - HELPS)
    words = (
        "More records like these would make it better."
        if helps
        else "More records like these would hardly make it better; fields that say more would."
    )
    return {"points": points, "more_helps": helps, "words": words}


def _some(fold: Fold, share: float, folds: Folds) -> Fold:
    """The newest share where order counts, else a random one."""
    count = round(len(fold.learn) * share)
    random = np.random.default_rng(folds.job.seed)
    rows = (
        np.arange(len(fold.learn))[-count:]
        if folds.job.ordered
        else np.sort(random.permutation(len(fold.learn))[:count])
    )
    return replace(fold, learn=fold.learn[rows], learn_features=fold.learn_features[rows])
