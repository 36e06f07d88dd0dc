"""Scoring records with a trained model: the same numbers in a batch, alone, in the app and on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.artifact import Model
from einstein.ml.explain import field_effects, reasons_of

EXPLAIN_CHUNK = 20_000  # records explained at once; contributions are dense


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


def score(model: Model, table: pd.DataFrame, reasons: int = 3) -> Scores:
    """Score a table of strings. Missing fields count as blank, extra ones are ignored; any number of rows."""
    features = model.encoder.transform(table)
    guess = model.predict(features) if len(table) else np.zeros((0, max(1, len(model.classes))))
    if model.task == "regression":
        value, probabilities = guess.reshape(-1), None
        predicted = [repr(float(number)) for number in value]
    else:
        probabilities = guess
        value = guess[:, 1] if model.task == "binary" else guess.max(axis=1)
        named = (guess[:, 1] >= 0.5).astype(int) if model.task == "binary" else guess.argmax(axis=1)
        predicted = [model.classes[number] for number in named]
    why = (
        _explained(model, table, features, guess, reasons)
        if reasons and len(table)
        else [[] for _ in range(len(table))]
    )
    return Scores(value, predicted, probabilities, bands_of(value, model.facts["bands"]), why)


def bands_of(value: np.ndarray, cuts: dict[str, float]) -> list[str]:
    """ "high", "medium" or "low" by the model's fixed cuts."""
    return ["high" if number >= cuts["high"] else "medium" if number >= cuts["medium"] else "low" for number in value]


def band_cuts(task: str, prevalence: float, guess: np.ndarray) -> dict[str, float]:
    """Fixed cuts, so that a band means the same next month (docs/decisions/0006).

    Binary: high from four times the odds of the average record, medium from 1.2 times. One of several: sure from 80 %,
    likely from 50 %. Numbers: the top fifth and the middle of the predictions on the learning records.
    """
    if task == "binary":
        odds = prevalence / (1 - prevalence)
        return {name: round(times * odds / (1 + times * odds), 2) for name, times in (("high", 4.0), ("medium", 1.2))}
    if task == "multiclass":
        return {"high": 0.8, "medium": 0.5}
    return {"high": float(np.quantile(guess, 0.8)), "medium": float(np.quantile(guess, 0.4))}


def _explained(model: Model, table: pd.DataFrame, features: np.ndarray, guess: np.ndarray, count: int) -> list:
    found: list = []
    for start in range(0, len(table), EXPLAIN_CHUNK):
        part = slice(start, start + EXPLAIN_CHUNK)
        fields, effects = field_effects(model, features[part], guess[part])
        found += reasons_of(table.iloc[part], fields, effects, count)
    return found
