"""Scoring records with a trained model: the same numbers in a batch, alone, in the app and on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.artifact import Model
from einstein.ml.columns import Column
from einstein.ml.explain import reasons_of
from einstein.ml.reasons import LEAST_SHARE, reason, shown_value

CHUNK = 50_000  # records scored at once, so that memory does not grow with the table


@dataclass
class Scores:
    """Scores of a table in its row order.

    `value` is the probability of the positive answer, of the predicted class, or the number; `predicted` the class or
    the number as text; `probabilities` (records, classes) or None; `bands` and `reasons` one per record.
    """

    value: np.ndarray
    predicted: list[str]
    probabilities: np.ndarray | None
    bands: list[str]
    reasons: list[list[dict[str, Any]]]


def score(model: Model, table: pd.DataFrame, reasons: int = 3, columns: dict[str, Column] | None = None) -> Scores:
    """Score a table of strings. Missing fields count as blank, extra ones are ignored; any number of rows.

    `columns` are the model's fields where somebody has read them already, as `read_columns` does, of at most `CHUNK` records.
    """
    guesses, why = [model.predict(np.zeros((0, 0)))], []
    for start in range(0, len(table), CHUNK):
        part = table.iloc[start : start + CHUNK]
        features = model.encoder.transform(columns) if columns else model.encoder.transform_table(part)
        guesses.append(model.predict(features))
        if reasons:
            why += reasons_of(part, model.encoder.fields, model.effects(features, guesses[-1]), reasons)
    return _scores(model, np.concatenate(guesses), why or [[] for _ in range(len(table))])


def score_one(model: Model, record: dict[str, Any], reasons: int = 3) -> Scores:
    """Score one record of values as written, without the cost of a table: the same score as in a batch."""
    features = model.encoder.transform_one(record)
    guess = model.predict(features)
    why: list[dict[str, Any]] = []
    if reasons:
        effects = model.effects(features, guess)[0].tolist()
        strength = [abs(effect) for effect in effects]
        whole = sum(strength) or 1.0
        fields = model.encoder.fields
        for place in sorted(range(len(strength)), key=lambda place: -strength[place])[:reasons]:
            share = round(strength[place] / whole, 4)
            if share >= LEAST_SHARE:
                why.append(reason(fields[place], shown_value(record.get(fields[place])), effects[place] > 0, share))
    return _scores(model, guess, [why])


def _scores(model: Model, guess: np.ndarray, why: list[list[dict[str, Any]]]) -> Scores:
    cuts = model.facts["bands"]
    if model.task == "regression":
        predicted = [repr(number) for number in guess.tolist()]
        return Scores(guess, predicted, None, bands_of(guess, cuts), why)
    value = guess[:, 1] if model.task == "binary" else guess.max(axis=1)
    named = (guess[:, 1] >= 0.5).astype(int) if model.task == "binary" else guess.argmax(axis=1)
    return Scores(value, [model.classes[number] for number in named.tolist()], guess, bands_of(value, cuts), why)


def bands_of(value: np.ndarray, cuts: dict[str, float]) -> list[str]:
    """ "high", "medium" or "low" by the model's fixed cuts."""
    return np.where(value >= cuts["high"], "high", np.where(value >= cuts["medium"], "medium", "low")).tolist()


def band_cuts(task: str, prevalence: float, guess: np.ndarray) -> dict[str, float]:
    """Fixed cuts, so that a band means the same next month (docs/decisions/0006).

    Binary: high from four times the odds of the average record, medium from 1.2 times. One of several: sure from 80 %,
    likely from 50 %. Numbers: the top fifth and the middle of the predictions on the test records.
    """
    if task == "binary":
        odds = prevalence / (1 - prevalence)
        return {name: round(times * odds / (1 + times * odds), 2) for name, times in (("high", 4.0), ("medium", 1.2))}
    if task == "multiclass":
        return {"high": 0.8, "medium": 0.5}
    return {"high": float(np.quantile(guess, 0.8)), "medium": float(np.quantile(guess, 0.4))}
