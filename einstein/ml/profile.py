"""What a field holds, in numbers a person can check: filled, distinct, range, the usual answers, a small distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.schema import FieldSpec, detect, parse
from einstein.ml.types import field_type
from einstein.ml.types.base import clean_text

BINS = 16
TOP = 5
EXAMPLES = 3


def profile_field(values: pd.Series, spec: FieldSpec) -> dict[str, Any]:
    """JSON facts of one field of strings, read by its type.

    Keys: rows, filled, distinct, unreadable (filled values that do not fit the type), examples, and by family
    min/median/max/histogram (numbers and dates) or top (answers with counts).
    """
    text = clean_text(values)
    filled = text.dropna()
    facts: dict[str, Any] = {
        "rows": len(text), "filled": len(filled), "distinct": int(filled.nunique()),
        "examples": [str(value)[:80] for value in filled.drop_duplicates().head(EXAMPLES)], "unreadable": 0,
    }  # fmt: skip
    parsed = parse(text, spec)
    if spec.family == "number":
        facts |= _number_facts(parsed.dropna().to_numpy(float))
        bad = filled[parsed[filled.index].isna()]
        facts |= {
            "unreadable": len(bad),
            "unreadable_examples": [str(value)[:80] for value in bad.drop_duplicates().head(EXAMPLES)],
        }
    elif spec.family == "date":
        facts |= _date_facts(parsed.dropna())
        bad = filled[parsed[filled.index].isna()]
        facts |= {
            "unreadable": len(bad),
            "unreadable_examples": [str(value)[:80] for value in bad.drop_duplicates().head(EXAMPLES)],
        }
    elif spec.family == "category":
        counts = filled.value_counts()
        facts["top"] = [[str(value)[:80], int(count)] for value, count in counts.head(TOP).items()]
    return facts


def describe_table(table: pd.DataFrame) -> dict[str, Any]:
    """{"fields": [{"name", "type", "confidence", "words", ...}]}: every field with its detected type and what it holds."""
    fields = []
    for name in table.columns:
        spec = detect(name, table[name])
        facts = profile_field(table[name], spec)
        fields.append(
            {"name": name, "type": spec.type, "confidence": spec.confidence, "words": field_words(spec, facts)} | facts
        )
    return {"fields": fields}


def field_words(spec: FieldSpec, facts: dict[str, Any]) -> str:
    """ "Number, filled in 7,032 of 7,043 records, from 18.8 to 8684.8, usually about 1397"."""
    words = f"{field_type(spec.type).title}, filled in {facts['filled']:,} of {facts['rows']:,} records"
    if "min" in facts:
        low, middle, high = (
            f"{facts[key]:,.6g}" if isinstance(facts[key], float) else facts[key] for key in ("min", "median", "max")
        )
        words += f", from {low} to {high}, the middle is {middle}"
    elif facts.get("top"):
        words += f", {facts['distinct']:,} different answers, most often " + ", ".join(
            answer for answer, _ in facts["top"][:3]
        )
    else:
        words += f", {facts['distinct']:,} different values"
    return words + (f"; {facts['unreadable']:,} do not fit the type" if facts["unreadable"] else "")


def _number_facts(numbers: np.ndarray) -> dict[str, Any]:
    if not len(numbers):
        return {}
    low, median, high = (float(np.quantile(numbers, q)) for q in (0, 0.5, 1))
    edge_low, edge_high = (float(np.quantile(numbers, q)) for q in (0.005, 0.995))
    return {"min": low, "median": median, "max": high, "histogram": _counts(np.clip(numbers, edge_low, edge_high))}


def _date_facts(dates: pd.Series) -> dict[str, Any]:
    if dates.empty:
        return {}
    middle = dates.sort_values().iloc[len(dates) // 2]
    return {
        "min": dates.min().date().isoformat(), "median": middle.date().isoformat(), "max": dates.max().date().isoformat(),
        "histogram": _counts(dates.astype("datetime64[us]").astype("int64").to_numpy()),
    }  # fmt: skip


def _counts(numbers: np.ndarray) -> list[int]:
    """How many of the numbers fall into each of the equal bins between the smallest and the largest."""
    low, high = float(numbers.min()), float(numbers.max())
    # Counted from the smallest, in shares of the spread: large numbers that hardly differ leave no room for edges between them.
    spread = high - low
    places = (
        ((numbers - numbers.min()) / spread * BINS).astype(int)
        if 0 < spread < np.inf
        else np.full(len(numbers), BINS // 2)
    )
    return np.bincount(np.minimum(places, BINS - 1), minlength=BINS).tolist()
