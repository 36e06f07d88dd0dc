"""Area under the ROC curve."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def auc(hit: np.ndarray, score: np.ndarray) -> float:
    """How often a record with the answer outranks one without it (Mann and Whitney 1947); ties count half.

    `hit` (records,) of 0 and 1 with both present, `score` (records,).
    """
    positives = hit.sum()
    ranks = rankdata(score)
    return float((ranks[hit > 0].sum() - positives * (positives + 1) / 2) / (positives * (len(hit) - positives)))


def auc_error(hit: np.ndarray, score: np.ndarray) -> float:
    """The standard error of `auc` by the variance of each record's placement (DeLong 1988, as Sun and Xu 2014 compute it from ranks)."""
    yes = hit > 0
    ranks, positives, negatives = rankdata(score), int(yes.sum()), int((~yes).sum())
    above = (ranks[yes] - rankdata(score[yes])) / negatives
    below = (ranks[~yes] - rankdata(score[~yes])) / positives
    return float(np.sqrt(above.var(ddof=1) / positives + below.var(ddof=1) / negatives))
