"""A blend of the best: weights chosen greedily on out-of-fold predictions (Caruana et al. 2004, "Ensemble selection")."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from einstein.ml.members import FAMILIES, Member
from einstein.ml.members.base import Job
from einstein.ml.search import log_loss

FOLDS = 5
HELD_OUT = 0.2
HOLDOUT_ABOVE = 20_000
ROUNDS = 20
LEAST_GAIN = 0.001  # a more complicated blend must lower the loss by this share
Recipe = tuple[str, dict[str, Any]]


def choose_blend(
    recipes: list[Recipe], features: np.ndarray, target: np.ndarray, job: Job, deadline: float
) -> list[tuple[str, dict[str, Any], float]]:
    """(family, settings, weight) of the members worth keeping; at `deadline` (monotonic) it decides among those done."""
    folds = folds_of(target, job)
    rows = np.sort(np.concatenate([hold for _, hold in folds]))
    guesses: list[tuple[Recipe, np.ndarray]] = []
    slowest = 0.0
    for kind, config in recipes:
        if guesses and time.monotonic() + slowest > deadline:
            break
        began = time.monotonic()
        guess = _out_of_fold(kind, config, features, target, job, folds)
        slowest = max(slowest, time.monotonic() - began)
        guesses.append(((kind, config), guess[rows]))
    weights = _greedy([guess for _, guess in guesses], target[rows], job)
    return [(kind, config, weight) for ((kind, config), _), weight in zip(guesses, weights, strict=True) if weight > 0]


def fit_member(kind: str, config: dict[str, Any], features: np.ndarray, target: np.ndarray, job: Job) -> Member:
    return FAMILIES[kind](job).fit(features, target, config)


def loss_of(target: np.ndarray, guess: np.ndarray, job: Job) -> float:
    if job.task == "regression":
        return float(np.mean((target - guess) ** 2))
    return log_loss(target, guess)


def folds_of(target: np.ndarray, job: Job) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rows to learn from, rows held out): the newest fifth where order counts, else five folds, or one of a large table."""
    if job.ordered:
        cut = int(len(target) * (1 - HELD_OUT))
        return [(np.arange(cut), np.arange(cut, len(target)))]
    splitter = KFold if job.task == "regression" else StratifiedKFold
    folds = list(splitter(FOLDS, shuffle=True, random_state=job.seed).split(np.zeros(len(target)), target))
    return folds[:1] if len(target) > HOLDOUT_ABOVE else folds


def _out_of_fold(
    kind: str, config: dict[str, Any], features: np.ndarray, target: np.ndarray, job: Job, folds: list
) -> np.ndarray:
    shape = (len(target),) if job.task == "regression" else (len(target), job.classes)
    guess = np.zeros(shape)
    for learn, hold in folds:
        guess[hold] = fit_member(kind, config, features[learn], target[learn], job).predict(features[hold])
    return guess


def _greedy(guesses: list[np.ndarray], target: np.ndarray, job: Job) -> list[float]:
    losses = [loss_of(target, guess, job) for guess in guesses]
    picked = [int(np.argmin(losses))]
    best = losses[picked[0]]
    kept = list(picked)
    for _ in range(ROUNDS - 1):
        total = sum(guesses[index] for index in picked)
        trial = [loss_of(target, (total + guess) / (len(picked) + 1), job) for guess in guesses]
        picked.append(int(np.argmin(trial)))
        if min(trial) < best * (1 - LEAST_GAIN):
            best, kept = min(trial), list(picked)
    return [kept.count(index) / len(kept) for index in range(len(guesses))]
