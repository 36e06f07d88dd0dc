"""Setting records aside for an honest test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from einstein.ml.errors import DataProblem
from einstein.ml.outcome import Outcome
from einstein.ml.schema import detect, parse

TEST_SHARE = 0.2
CROSSED_BELOW = 1000  # records; a fifth of fewer says too little about a model


@dataclass
class Slices:
    """Row numbers (among the records with a known outcome) to learn from and to test on.

    Few records are `crossed`: all of them are both, each tested by a model fitted without it.
    """

    learn: np.ndarray
    test: np.ndarray
    by_time: bool
    crossed: bool = False


def split(known: pd.DataFrame, outcome: Outcome, time_field: str | None, seed: int) -> Slices:
    """The newest fifth is the test where there is a time field; of few records every one in turn; else a random fifth.

    Random parts hold the same share of every answer.
    """
    if time_field:
        order = _in_time(known, time_field)
        cut = int(len(order) * (1 - TEST_SHARE))
        learn, test = order[:cut], order[cut:]  # oldest first: the search judges settings by the newest of them
        if outcome.task == "regression" or min(len(np.unique(outcome.target[part])) for part in (learn, test)) > 1:
            return Slices(learn, test, by_time=True)
    if len(known) < CROSSED_BELOW:
        everything = np.arange(len(known))
        return Slices(everything, everything, by_time=False, crossed=True)
    random = np.random.default_rng(seed)
    groups = outcome.target.astype(int) if outcome.task != "regression" else np.zeros(len(known), dtype=int)
    test = np.sort(np.concatenate([_some(np.flatnonzero(groups == group), random) for group in np.unique(groups)]))
    return Slices(np.setdiff1d(np.arange(len(known)), test), test, by_time=False)


def _some(rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return random.permutation(rows)[: round(len(rows) * TEST_SHARE)]


def _in_time(known: pd.DataFrame, name: str) -> np.ndarray:
    if name not in known.columns:
        raise DataProblem(f"There is no field named {name} to order by time.")
    spec = detect(name, known[name])
    if spec.family not in {"date", "number"}:
        raise DataProblem(f"{name} holds neither dates nor numbers, so it cannot order the records in time.")
    return np.argsort(parse(known[name], spec).to_numpy(), kind="stable")
