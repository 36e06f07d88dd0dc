"""How much of each field lies outside what the model learnt from: beyond its lowest and highest values, or answers it never saw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.schema import FieldSpec
from einstein.ml.watch import Watcher
from einstein.ml.watch.table import Values
from einstein.ml.watch.wording import percent

EXAMPLES = 3
GROSS_OUTSIDE, GROSS_BLANK_RISE, LEAST_COUNT = (
    0.30,
    0.50,
    5,
)  # so much is told at the first scoring, when nothing else is known


def beyond_training(facts: dict[str, Any], watcher: Watcher) -> dict[str, dict[str, Any]]:
    """{field: {"outside", "blank" and "usual_blank" as shares, "count", and "low" and "high" or "examples"}} of the batch looked at last.

    Of the fields the model uses, as the watch has read them: nothing is parsed twice but what its reference never held.
    """
    look = watcher.seen
    if look is None:
        return {}
    specs = [FieldSpec.from_json(field) for field in facts["fields"]]
    return {
        spec.name: _of_field(
            spec, look.values.get(spec.name) or look.table.read(spec), facts["reference"].get(spec.name, {})
        )
        for spec in specs
        if spec.name in look.table.columns
    }


def gross_against_training(found: dict[str, dict[str, Any]], records: int) -> list[dict[str, Any]]:
    """Alarms for what differs grossly from training at the first scoring of a version."""
    alarms = []
    for field, seen in found.items():
        if seen["blank"] - seen["usual_blank"] >= GROSS_BLANK_RISE and records >= LEAST_COUNT:
            words = f"{field} is empty in {percent(seen['blank'])} of the records; in training {percent(seen['usual_blank'])} were."
            alarms.append(_alarm("field_blank", field, words, "blank"))
        elif seen["outside"] >= GROSS_OUTSIDE and seen["count"] >= LEAST_COUNT:
            alarms.append(_alarm("field_range", field, _outside_words(field, seen), "range"))
    return alarms


def _outside_words(field: str, seen: dict[str, Any]) -> str:
    if "examples" in seen:
        return f"{field} holds answers the model never saw in {percent(seen['outside'])} of the records: {', '.join(seen['examples'])}."
    return f"{field} lies outside the {seen['low']} to {seen['high']} of training in {percent(seen['outside'])} of the records."


def _alarm(check: str, field: str, words: str, cause: str) -> dict[str, Any]:
    return {"check": check, "field": field, "severity": "warning", "message": words, "cause": cause, "since": None}


def _of_field(spec: FieldSpec, values: Values, reference: dict[str, Any]) -> dict[str, Any]:
    column, beyond = values.column, outside_training(spec, values, reference)
    found: dict[str, Any] = {
        "outside": float(beyond.mean()), "count": int(beyond.sum()), "blank": float(column.blank.mean()), "usual_blank": reference.get("blank", 0.0)
    }  # fmt: skip
    if spec.family in {"number", "date"} and "min" in reference:
        low, high = reference["min"], reference["max"]
        shown = (low[:10], high[:10]) if spec.family == "date" else (f"{low:,.6g}", f"{high:,.6g}")
        found |= {"low": shown[0], "high": shown[1]}
    elif spec.family == "category" and reference.get("all_levels"):
        counts = np.bincount(column.codes[beyond], minlength=len(column.levels))
        commonest = np.argsort(-counts, kind="stable")[:EXAMPLES]
        found |= {"examples": [column.levels[place][:40] for place in commonest if counts[place]]}
    return found


def outside_training(spec: FieldSpec, values: Values, reference: dict[str, Any]) -> np.ndarray:
    """Which records hold what the model never learnt from, (records,): a number beyond the range, an early date, an answer never seen."""
    column = values.column
    if spec.family == "number" and "min" in reference:
        return (column.values < reference["min"]) | (column.values > reference["max"])
    if spec.family == "date" and "min" in reference:
        return column.values < pd.Timestamp(reference["min"]).timestamp()  # dates go on: only early ones are strange
    if spec.family == "category" and reference.get("all_levels"):
        unseen = np.array([level not in reference["levels"] for level in column.levels] + [False])
        return unseen[column.codes]
    return np.zeros(len(column), dtype=bool)
