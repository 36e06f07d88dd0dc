"""What the model saw while learning, kept as numbers: the yardstick of monitoring."""

from __future__ import annotations

from typing import Any

import numpy as np

from einstein.ml.columns import Column
from einstein.ml.schema import FieldSpec
from einstein.ml.types.date import as_date

BINS = 10
MOST_LEVELS = 200


def describe_fields(columns: dict[str, Column], specs: list[FieldSpec]) -> dict[str, dict[str, Any]]:
    """Per field: share blank, and by family the range with quantiles, or the known answers with shares."""
    return {spec.name: describe_field(columns[spec.name], spec) for spec in specs}


def describe_field(column: Column, spec: FieldSpec) -> dict[str, Any]:
    facts: dict[str, Any] = {"family": spec.family, "blank": float(column.blank.mean()) if len(column) else 0.0}
    if spec.family == "number" and not column.blank.all():
        numbers = column.values[~column.blank]
        facts |= {"min": float(numbers.min()), "max": float(numbers.max()), "mean": float(numbers.mean())}
        facts["edges"] = [float(x) for x in np.unique(np.quantile(numbers, np.linspace(0, 1, BINS + 1)))]
    elif spec.family == "date" and not column.blank.all():
        facts |= {
            name: str(as_date(float(pick(column.values)))) for name, pick in (("min", np.nanmin), ("max", np.nanmax))
        }
    elif spec.family == "category":
        facts |= _levels(column)
    return facts


def _levels(column: Column) -> dict[str, Any]:
    """The most frequent answers, most frequent first, with their shares of the filled records."""
    counts = np.bincount(column.codes[~column.blank], minlength=len(column.levels))
    seen = [place for place in np.argsort(-counts, kind="stable").tolist() if counts[place]]
    return {
        "levels": {column.levels[place]: float(counts[place] / counts.sum()) for place in seen[:MOST_LEVELS]},
        "all_levels": len(seen) <= MOST_LEVELS,
    }


def describe_scores(values: np.ndarray, bands: list[str]) -> dict[str, Any]:
    """Score distribution on records the model never saw: ten equal-count bins, share per band."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)))
    counts, _ = np.histogram(values, bins=edges) if len(edges) > 1 else (np.array([len(values)]), None)
    shares = {band: bands.count(band) / max(1, len(bands)) for band in ("high", "medium", "low")}
    return {
        "records": len(values), "mean": float(values.mean()), "sd": float(values.std()), "edges": [float(x) for x in edges],
        "shares": [float(x) for x in counts / max(1, counts.sum())], "bands": shares,
    }  # fmt: skip
