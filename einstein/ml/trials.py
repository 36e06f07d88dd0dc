"""One trial: a family with its settings, judged on records it did not learn from."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from einstein.ml.folds import Fold, Folds
from einstein.ml.members import FAMILIES, Member
from einstein.ml.members.base import Job, Practice
from einstein.ml.scale import Scale

ONE_THREAD_UP_TO = 20_000  # records; below, two folds on one core each are faster than one after the other on both


@dataclass
class Trial:
    """`guess` (held-out rows, classes) or (held-out rows,) in the user's unit, in the order of `Folds.rows`."""

    kind: str
    config: dict[str, Any]
    guess: np.ndarray
    loss: float
    quality: float
    rounds: int
    seconds: float
    scale: Scale | None = None


def run_trial(kind: str, config: dict[str, Any], folds: Folds, deadline: float = float("inf")) -> Trial:
    """Fit and judge on every fold; boosted families stop growing when the held-out records gain no more."""
    began = time.monotonic()
    job, target = folds.job, folds.target
    scale = Scale.fitted(target, bool(config.get("log"))) if job.task == "regression" else None
    learnt = scale.forward(target) if scale else target
    side_by_side = len(folds.folds) > 1 and len(target) <= ONE_THREAD_UP_TO
    threads = 1 if side_by_side else job.cores
    with ThreadPoolExecutor(job.cores if side_by_side else 1) as pool:
        done = list(
            pool.map(
                lambda fold: _on_fold(kind, config, fold, learnt, job, Practice(None, deadline, threads, job.seed)),
                folds.folds,
            )
        )
    shape = (len(target), job.classes) if scale is None else (len(target),)
    guess = np.full(shape, np.nan)
    for fold, (_, found) in zip(folds.folds, done, strict=True):
        guess[fold.hold] = found
    guess = guess[folds.rows]
    if scale:
        scale = scale.smeared(target[folds.rows], guess)
        guess = scale.back(guess)
    # A later time that differs stops the trees too early; the part that wanted most knows best.
    rounds = [member.rounds for member, _ in done]
    kept = max(rounds) if job.ordered else int(np.mean(rounds))
    loss, quality = folds.judge.loss(folds.judge.told(guess)), folds.judge.quality(guess)
    return Trial(kind, config, guess, loss, quality, kept, time.monotonic() - began, scale)


def _on_fold(
    kind: str, config: dict[str, Any], fold: Fold, target: np.ndarray, job: Job, practice: Practice
) -> tuple[Member, np.ndarray]:
    practice.hold, practice.groups = (fold.hold_features, target[fold.hold]), fold.groups
    member = FAMILIES[kind](job).fit(fold.learn_features, target[fold.learn], config, practice)
    return member, member.predict(fold.hold_features, practice.threads)
