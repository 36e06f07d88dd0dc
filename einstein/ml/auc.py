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
