"""What a field holds, in numbers a person can check: filled, distinct, range, the usual answers, a small distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.columns import Texts, text_codes
from einstein.ml.schema import FieldSpec, detect, parse
from einstein.ml.types import field_type

BINS = 16
TOP = 5
EXAMPLES = 3


def profile_field(values: pd.Series | Texts, spec: FieldSpec) -> dict[str, Any]:
    """JSON facts of one field of strings, read by its type; each different value is read once.

    Keys: rows, filled, distinct, unreadable (filled values that do not fit the type), examples, and by family
    min/median/max/histogram (numbers and dates) or top (answers with counts).
    """
    codes, levels = text_codes(values)
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    facts: dict[str, Any] = {
        "rows": len(codes), "filled": int(counts.sum()), "distinct": len(levels), "examples": _shown(levels[:EXAMPLES]), "unreadable": 0,
    }  # fmt: skip
    if spec.family in {"number", "date"}:
        parsed = parse(pd.Series(levels, dtype="object"), spec)
        bad = parsed.isna().to_numpy()
        known = parsed[~bad].repeat(counts[~bad].tolist())
        facts |= _number_facts(known.to_numpy(float)) if spec.family == "number" else _date_facts(known)
        facts |= {
            "unreadable": int(counts[bad].sum()),
            "unreadable_examples": _shown([levels[place] for place in np.flatnonzero(bad)[:EXAMPLES]]),
        }
    elif spec.family == "category":
        most = np.argsort(-counts, kind="stable")[:TOP]
        facts["top"] = [[levels[place][:80], int(counts[place])] for place in most]
    return facts


def _shown(values: list[str]) -> list[str]:
    return [value[:80] for value in values]


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
    low, edge_low, median, edge_high, high = np.quantile(numbers, [0, 0.005, 0.5, 0.995, 1]).tolist()
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
