"""How settings and blends are judged on held-out records."""

from __future__ import annotations

import numpy as np

from einstein.ml.auc import auc
from einstein.ml.members.base import Job
from einstein.ml.scale import fences


class Judge:
    """The loss of guesses of the same records: log loss, or the share of the differences left unexplained (absurd values at
    their fence). What does not depend on the guess is worked out once, as a blend is judged thousands of times.

    The first `early` records are from the time that was learnt from, the others from later. The loss is then the geometric mean
    of both: a few later periods share their luck, while what is good at its own time tends to be good later (Miller et al. 2021,
    "Accuracy on the line").
    """

    def __init__(self, target: np.ndarray, job: Job, early: int = 0) -> None:
        self.job, self.early = job, early
        self.target = target.astype(int) if job.task != "regression" else np.clip(target, *fences(target))
        self.spread = max(float(np.var(self.target[early:])), 1e-12)

    def told(self, guess: np.ndarray) -> np.ndarray:
        """(records,) all that the loss needs of a guess: the chance given to what happened, or the number. It mixes linearly."""
        return guess if self.job.task == "regression" else guess[np.arange(len(guess)), self.target]

    def loss(self, told: np.ndarray, rows: np.ndarray | None = None) -> float:
        """Of the records at `rows` (all), with their part of `told`."""
        losses = self._losses(told, slice(None) if rows is None else rows)
        if not self.early:
            return float(losses.mean())
        early = (np.arange(len(told)) if rows is None else rows) < self.early
        return float(np.sqrt(max(losses[early].mean(), 1e-12) * losses[~early].mean()))

    def later_loss(self, told: np.ndarray) -> float:
        """Of the later records alone."""
        return float(self._losses(told, slice(None))[self.early :].mean())

    def _losses(self, told: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
        if self.job.task == "regression":
            return (self.target[rows] - told) ** 2 / self.spread
        return -np.log(np.clip(told, 1e-7, 1))

    def quality(self, guess: np.ndarray) -> float:
        """What people are shown, of the later records: ranking quality, share named rightly, or share of differences explained."""
        target, guess = self.target[self.early :], guess[self.early :]
        if self.job.task == "regression":
            return 1.0 - float(np.mean((target - guess) ** 2) / self.spread)
        if self.job.task == "binary":
            return auc((target == 1).astype(float), guess[:, 1])
        return float((guess.argmax(axis=1) == target).mean())


def log_loss(target: np.ndarray, chances: np.ndarray) -> float:
    """Mean negative log of the probability given to what happened, (records,) class numbers and (records, classes)."""
    return float(-np.log(np.clip(chances[np.arange(len(target)), target.astype(int)], 1e-7, 1)).mean())
