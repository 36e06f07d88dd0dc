"""How right scores were, once it is known what came true: against the scorecard, and whether it is worse by more than chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from einstein.ml.auc import auc, auc_error
from einstein.ml.evaluate import wilson

LEAST, LEAST_EACH = 50, 20  # outcomes before anything is said; of each kind, where they are yes or no
NORMAL_95 = 3.92  # a 95 % interval is so many standard errors wide
# It is looked at again with every run over records most of which were looked at before: once in some thousand predictions by chance.
LEAST_Z = 4.0
LEAST_DROP, LEAST_RISE, LEAST_GAP = (
    0.02,
    0.1,
    0.03,
)  # of a share ranked or told rightly; of the mean error; of the chances said
METRICS = {"binary": "auc", "multiclass": "accuracy", "regression": "mae"}


@dataclass
class CameTrue:
    """`count` outcomes: the `metric` with its 95 % interval against the scorecard's, what was said and what came on average, and what is worse:
    "metric", "level" (the chances said are too high or too low), or ""."""

    count: int
    metric: str
    value: float
    low: float
    high: float
    usual: float
    said: float
    came: float
    worse: str


def measure(task: str, said: np.ndarray, came: np.ndarray, usual: dict[str, float]) -> CameTrue | None:
    """Judge outcomes that came after they were foretold; None while they are too few. Done with every look, so the intervals are formulas.

    `said` (records,) is the chance of a yes, of the answer named, or the number foretold; `came` (records,) 1 or 0, or the number.
    `usual` is the scorecard's {"value", "low", "high"} of the task's metric.
    """
    if len(said) < LEAST or (task == "binary" and min(came.sum(), len(came) - came.sum()) < LEAST_EACH):
        return None
    value, low, high = _metric(task, said, came)
    spread = float(np.hypot(high - low, usual["high"] - usual["low"])) / NORMAL_95
    drop = value - usual["value"] if task == "regression" else usual["value"] - value
    least = LEAST_RISE * usual["value"] if task == "regression" else LEAST_DROP
    worse = "metric" if drop > max(least, LEAST_Z * spread) else "level" if _level_is_off(task, said, came) else ""
    return CameTrue(
        len(said), METRICS[task], value, low, high, usual["value"], float(said.mean()), float(came.mean()), worse
    )  # fmt: skip


def _metric(task: str, said: np.ndarray, came: np.ndarray) -> tuple[float, float, float]:
    """(value, low, high) of the task's metric, 95 %."""
    if task == "multiclass":
        return float(came.mean()), *wilson(int(came.sum()), len(came))
    if task == "regression":
        missed = np.abs(said - came)
        value, error = float(missed.mean()), float(missed.std(ddof=1) / np.sqrt(len(missed)))
    else:
        value, error = auc(came, said), auc_error(came, said)
    return value, max(0.0, value - NORMAL_95 / 2 * error), value + NORMAL_95 / 2 * error


def _level_is_off(task: str, said: np.ndarray, came: np.ndarray) -> bool:
    """Whether what came is on average not what was said; of chances, by the variance they have if they are right (Spiegelhalter 1986)."""
    gap = abs(float((came - said).mean()))
    if task == "regression":
        error = float((came - said).std()) / np.sqrt(len(said))
        return gap > LEAST_Z * error and gap > LEAST_RISE * float(np.abs(came - said).mean() + abs(came.mean()))
    error = float(np.sqrt((said * (1 - said)).sum())) / len(said)
    return gap > LEAST_Z * error and gap > LEAST_GAP
