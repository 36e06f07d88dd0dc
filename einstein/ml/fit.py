"""Fitting a chosen blend on all the records it may learn from."""

from __future__ import annotations

import time

import numpy as np

from einstein.ml.artifact import Model
from einstein.ml.blend import Blend
from einstein.ml.members import FAMILIES
from einstein.ml.members.base import Job, Practice
from einstein.ml.part import Part
from einstein.ml.trials import Trial

MORE_TREES = 1.1  # a fifth more records bear a tenth more trees than the folds stopped at
BAGGED_UP_TO = 5000  # records; few records make one fit a matter of luck, so several are averaged
BAGS = 3


def bags_of(records: int) -> int:
    """With how many seeds each member is fitted where so many records are known."""
    return BAGS if records <= BAGGED_UP_TO else 1


def fit_parts(
    blend: Blend,
    features: np.ndarray,
    groups: list[int],
    target: np.ndarray,
    job: Job,
    deadline: float,
    bags: int,
    bags_time: float | None,
) -> list[Part]:
    """Fit every trial of the blend on (records, features) and targets in the user's unit or class numbers.

    `groups` are the features that are numbers of levels.

    Each with `bags` seeds, as far as `bags_time` seconds allow (None: always).
    """
    parts: list[Part] = []
    began = time.monotonic()
    for trial, weight in blend.parts:
        count = bags if trial.kind != "linear" else 1
        made: list[Part] = []
        for bag in range(count):
            if (
                bag
                and bags_time is not None
                and time.monotonic() - began > bags_time * (len(parts) + 1) / len(blend.parts)
            ):
                break
            practice = Practice(None, deadline, job.cores, job.seed + 1000 * bag, groups)
            made.append(_fit(trial, features, target, job, practice))
        for part in made:
            part.weight = weight / len(made)
        parts += made
    return parts


def _fit(trial: Trial, features: np.ndarray, target: np.ndarray, job: Job, practice: Practice) -> Part:
    began = time.monotonic()
    config = trial.config | ({"rounds": max(5, round(trial.rounds * MORE_TREES))} if FAMILIES[trial.kind].grows else {})
    learnt = trial.scale.forward(target) if trial.scale else target
    part = Part(FAMILIES[trial.kind](job).fit(features, learnt, config, practice).freeze(), 0.0, trial.scale)
    part.seconds = time.monotonic() - began
    return part


def seconds_of(model: Model) -> float:
    """How long the members took to fit."""
    return sum(part.seconds for part in model.parts)
