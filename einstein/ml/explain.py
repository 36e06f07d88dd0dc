"""Why a score is what it is: what moves it, folded back to the user's own fields, and put into words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.artifact import Model
from einstein.ml.columns import text_codes, text_of
from einstein.ml.reasons import LEAST_SHARE, SHOWN_VALUE, reason, size_words
from einstein.ml.schema import FieldSpec, parse
from einstein.ml.types.base import clean_text

DRIVER_RECORDS = 800


def reasons_of(table: pd.DataFrame, fields: list[str], effects: np.ndarray, count: int) -> list[list[dict[str, Any]]]:
    """Per record its strongest reasons: {"field", "value", "direction": "raises"|"lowers", "size", "share"}.

    `effects` (records, fields) in the order of `fields`.
    """
    strength = np.abs(effects)
    order = strongest(strength, count)
    shares = np.take_along_axis(strength, order, axis=1) / np.maximum(strength.sum(axis=1, keepdims=True), 1e-12)
    raises = np.take_along_axis(effects, order, axis=1) > 0
    # Place after place, whole columns at once: a list a record would cost more than the model itself.
    places = [
        _reasons_at(table, fields, order[:, k], raises[:, k], shares[:, k].round(4)) for k in range(order.shape[1])
    ]
    return [[found for found in why if found["share"] >= LEAST_SHARE] for why in zip(*places, strict=True)]


def _reasons_at(
    table: pd.DataFrame, fields: list[str], chosen: np.ndarray, raises: np.ndarray, shares: np.ndarray
) -> list[dict[str, Any]]:
    """The reason at one place of the order, for every record; `chosen` (records,) are numbers of fields."""
    values = np.empty(len(chosen), dtype="object")
    for place in np.unique(chosen).tolist():
        rows = chosen == place
        if fields[place] in table.columns:
            values[rows] = _shown(table[fields[place]][rows])
    names = np.array(fields, dtype="object")[chosen].tolist()
    return [
        reason(name, value, up, share)
        for name, value, up, share in zip(names, values.tolist(), raises.tolist(), shares.tolist(), strict=True)
    ]


def strongest(strength: np.ndarray, count: int) -> np.ndarray:
    """(records, count) the places of the largest numbers of each row, largest first."""
    count = min(count, strength.shape[1])
    found = (
        np.argpartition(-strength, count - 1, axis=1)[:, :count]
        if count < strength.shape[1]
        else np.tile(np.arange(count), (len(strength), 1))
    )
    order = np.argsort(-np.take_along_axis(strength, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def drivers(model: Model, table: pd.DataFrame) -> list[dict[str, Any]]:
    """What the scores depend on: share of the whole effect per field, and which values raise or lower.

    Measured on at most 800 of the given records. Each entry: {"field", "share", "values": [[words, direction, size]]}.
    """
    sample = table.iloc[np.linspace(0, len(table) - 1, min(len(table), DRIVER_RECORDS)).astype(int)]
    features = model.encoder.transform_table(sample)
    fields, effects = model.encoder.fields, model.effects(features, model.predict(features))
    strength = np.abs(effects).mean(axis=0)
    shares = strength / max(strength.sum(), 1e-12)
    specs = {spec.name: spec for spec in model.encoder.specs}
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
        [words, "raises" if mean > 0 else "lowers", size_words(abs(mean) / max(largest, 1e-12), 1.0, 0.25)]
        for words, mean in raising + lowering
    ]


def _shown(values: pd.Series) -> np.ndarray:
    codes, levels = text_codes(values)
    return text_of(codes, [level[:SHOWN_VALUE] for level in levels])
