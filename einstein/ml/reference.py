"""What the model saw while learning, kept as numbers: the yardstick of monitoring."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.schema import FieldSpec, parse

BINS = 10
MOST_LEVELS = 200


def describe_fields(table: pd.DataFrame, specs: list[FieldSpec]) -> dict[str, dict[str, Any]]:
    """Per field: share blank, and by family the range with quantiles, or the known answers with shares."""
    return {spec.name: describe_field(parse(table[spec.name], spec), spec) for spec in specs}


def describe_field(parsed: pd.Series, spec: FieldSpec) -> dict[str, Any]:
    facts: dict[str, Any] = {"family": spec.family, "blank": float(parsed.isna().mean()) if len(parsed) else 0.0}
    if spec.family == "number" and parsed.notna().any():
        numbers = parsed.dropna().to_numpy(float)
        facts |= {"min": float(numbers.min()), "max": float(numbers.max()), "mean": float(numbers.mean())}
        facts["edges"] = [float(x) for x in np.unique(np.quantile(numbers, np.linspace(0, 1, BINS + 1)))]
    elif spec.family == "date" and parsed.notna().any():
        facts |= {"min": str(parsed.min()), "max": str(parsed.max())}
    elif spec.family == "category":
        shares = parsed.dropna().astype(str).value_counts(normalize=True)
        facts |= {
            "levels": {str(level): float(share) for level, share in shares.head(MOST_LEVELS).items()},
            "all_levels": len(shares) <= MOST_LEVELS,
        }
    return facts


def describe_scores(values: np.ndarray, bands: list[str]) -> dict[str, Any]:
    """Score distribution on records the model never saw: ten equal-count bins, share per band."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)))
    counts, _ = np.histogram(values, bins=edges) if len(edges) > 1 else (np.array([len(values)]), None)
    shares = {band: bands.count(band) / max(1, len(bands)) for band in ("high", "medium", "low")}
    return {
        "records": len(values), "mean": float(values.mean()), "sd": float(values.std()), "edges": [float(x) for x in edges],
        "shares": [float(x) for x in counts / max(1, counts.sum())], "bands": shares,
    }  # fmt: skip
