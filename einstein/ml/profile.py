"""What a field holds, in numbers a person can check: filled, distinct, range, the usual answers, a small distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.schema import FieldSpec, parse
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


def _number_facts(numbers: np.ndarray) -> dict[str, Any]:
    if not len(numbers):
        return {}
    low, median, high = (float(np.quantile(numbers, q)) for q in (0, 0.5, 1))
    edge_low, edge_high = (float(np.quantile(numbers, q)) for q in (0.005, 0.995))
    counts, _ = np.histogram(np.clip(numbers, edge_low, edge_high), bins=BINS)
    return {"min": low, "median": median, "max": high, "histogram": counts.tolist()}


def _date_facts(dates: pd.Series) -> dict[str, Any]:
    if dates.empty:
        return {}
    counts, _ = np.histogram(dates.astype("datetime64[us]").astype("int64").to_numpy(), bins=BINS)
    middle = dates.sort_values().iloc[len(dates) // 2]
    return {
        "min": dates.min().date().isoformat(), "median": middle.date().isoformat(), "max": dates.max().date().isoformat(),
        "histogram": counts.tolist(),
    }  # fmt: skip
