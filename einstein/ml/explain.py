"""Why a score is what it is: contributions of features folded back to the user's own fields, and put into words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.artifact import Model
from einstein.ml.schema import FieldSpec, parse
from einstein.ml.types.base import clean_text

LEAST_SHARE = 0.02  # of the record's whole effect; smaller ones are not worth a reader's time
STRONG, WEAK = 0.30, 0.10  # of the record's whole effect: "a lot", (plain), "a little"
DRIVER_RECORDS = 800
SHOWN_VALUE = 60


def field_effects(model: Model, features: np.ndarray, guess: np.ndarray) -> tuple[list[str], np.ndarray]:
    """(fields, effects): effects[i, j] is how field j moves record i, in the margin of its class (or the number)."""
    output = np.zeros(len(features), dtype=int) if model.task != "multiclass" else guess.argmax(axis=1)
    total = np.zeros(features.shape)
    for member, weight in model.members:
        total += weight * member.contributions(features, output)
    fields = list(dict.fromkeys(model.encoder.columns))
    place = {name: number for number, name in enumerate(fields)}
    folded = np.zeros((len(features), len(fields)))
    for column, name in enumerate(model.encoder.columns):
        folded[:, place[name]] += total[:, column]
    return fields, folded


def reasons_of(table: pd.DataFrame, fields: list[str], effects: np.ndarray, count: int) -> list[list[dict[str, Any]]]:
    """Per record its strongest reasons: {"field", "value", "direction": "raises"|"lowers", "size", "share"}."""
    strength = np.abs(effects)
    whole = strength.sum(axis=1)
    order = np.argsort(-strength, axis=1, kind="stable")[:, :count]
    shown = {name: _shown(table[name]) if name in table.columns else [None] * len(table) for name in fields}
    found = []
    for row in range(len(effects)):
        reasons = []
        for column in order[row]:
            share = strength[row, column] / whole[row] if whole[row] else 0.0
            if share >= LEAST_SHARE:
                reasons.append(_reason(fields[column], shown[fields[column]][row], effects[row, column], share))
        found.append(reasons)
    return found


def reason_words(reason: dict[str, Any]) -> str:
    """ "Contract is Month-to-month: raises"."""
    return f"{value_words(reason['field'], reason['value'])}: {reason['direction']}"


def value_words(field: str, value: str | None) -> str:
    return f"{field} is blank" if value is None else f"{field} is {value}"


def drivers(model: Model, table: pd.DataFrame, features: np.ndarray, guess: np.ndarray) -> list[dict[str, Any]]:
    """What the scores depend on: share of the whole effect per field, and which values raise or lower.

    Measured on at most 800 of the given records. Each entry: {"field", "share", "values": [[words, direction, size]]}.
    """
    rows = np.linspace(0, len(table) - 1, min(len(table), DRIVER_RECORDS)).astype(int)
    fields, effects = field_effects(model, features[rows], guess[rows])
    strength = np.abs(effects).mean(axis=0)
    shares = strength / max(strength.sum(), 1e-12)
    specs = {spec.name: spec for spec in model.encoder.specs}
    sample = table.iloc[rows]
    found = []
    for column in np.argsort(-shares, kind="stable"):
        name = fields[column]
        values = _value_effects(sample[name], specs[name], effects[:, column], strength.max())
        found.append({"field": name, "share": float(shares[column]), "values": values})
    return found


def _value_effects(values: pd.Series, spec: FieldSpec, effect: np.ndarray, largest: float) -> list[list[str]]:
    parsed = parse(values, spec)
    if spec.family == "number" and parsed.notna().sum() >= 20:
        numbers = parsed.to_numpy(float)
        low, high = np.nanquantile(numbers, [0.25, 0.75])
        groups = [(f"above {high:,.6g}", numbers > high), (f"below {low:,.6g}", numbers < low)]
        if low == high:
            groups = [(f"above {high:,.6g}", numbers > high), (f"{high:,.6g} or less", numbers <= high)]
    elif spec.family == "category":
        text = clean_text(values).map(lambda value: None if value is None else str(value))
        groups = [(str(level)[:SHOWN_VALUE], (text == level).to_numpy()) for level in text.value_counts().head(6).index]
    elif spec.family == "date" and parsed.notna().sum() >= 20:
        middle = parsed.dropna().sort_values().iloc[int(parsed.notna().sum()) // 2]
        groups = [
            (f"after {middle.date()}", (parsed > middle).to_numpy()),
            (f"before {middle.date()}", (parsed < middle).to_numpy()),
        ]
    else:
        return []
    means = [(words, float(effect[rows].mean())) for words, rows in groups if rows.sum() >= 5]
    means = [(words, mean) for words, mean in means if abs(mean) > 0.02 * largest]
    means.sort(key=lambda item: -abs(item[1]))
    raising = [item for item in means if item[1] > 0][:2]
    lowering = [item for item in means if item[1] < 0][:2]
    return [
        [words, "raises" if mean > 0 else "lowers", _size(abs(mean) / max(largest, 1e-12), 1.0, 0.25)]
        for words, mean in raising + lowering
    ]


def _reason(field: str, value: str | None, effect: float, share: float) -> dict[str, Any]:
    return {
        "field": field,
        "value": value,
        "direction": "raises" if effect > 0 else "lowers",
        "size": _size(share, STRONG, WEAK),
        "share": round(float(share), 4),
    }


def _size(share: float, strong: float, weak: float) -> str:
    return "a lot" if share >= strong else "a little" if share < weak else ""


def _shown(values: pd.Series) -> list[str | None]:
    return [None if value is None or value != value else str(value)[:SHOWN_VALUE] for value in clean_text(values)]
