"""How settings and blends are judged on held-out records."""

from __future__ import annotations

import numpy as np

from einstein.ml.auc import auc
from einstein.ml.members.base import Job
from einstein.ml.scale import fences


class Judge:
    """The loss of guesses of the same records: log loss, or the share of the differences left unexplained (absurd values at
    their fence). What does not depend on the guess is worked out once, as a blend is judged thousands of times."""

    def __init__(self, target: np.ndarray, job: Job) -> None:
        self.job = job
        self.target = target.astype(int) if job.task != "regression" else np.clip(target, *fences(target))
        self.spread = max(float(np.var(self.target)), 1e-12)

    def told(self, guess: np.ndarray) -> np.ndarray:
        """(records,) all that the loss needs of a guess: the chance given to what happened, or the number. It mixes linearly."""
        return guess if self.job.task == "regression" else guess[np.arange(len(guess)), self.target]

    def loss(self, told: np.ndarray, rows: np.ndarray | slice = slice(None)) -> float:
        """Of the records at `rows`, with their part of `told`."""
        if self.job.task == "regression":
            return float(np.mean((self.target[rows] - told) ** 2) / self.spread)
        return float(-np.log(np.clip(told, 1e-7, 1)).mean())

    def quality(self, guess: np.ndarray) -> float:
        """What people are shown: ranking quality, share named rightly, or share of differences explained."""
        if self.job.task == "regression":
            return 1.0 - self.loss(guess)
        if self.job.task == "binary":
            return auc((self.target == 1).astype(float), guess[:, 1])
        return float((guess.argmax(axis=1) == self.target).mean())


def log_loss(target: np.ndarray, chances: np.ndarray) -> float:
    """Mean negative log of the probability given to what happened, (records,) class numbers and (records, classes)."""
    return float(-np.log(np.clip(chances[np.arange(len(target)), target.astype(int)], 1e-7, 1)).mean())
