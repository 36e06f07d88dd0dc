"""What a scoring run looks like, measured against what the model saw while learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from apps.monitoring.models import Observation
from apps.runs.lease import Work
from apps.scoring.score import Scored
from einstein.ml.schema import FieldSpec, parse

EXAMPLES = 3
SMALL = 1e-4  # empty bins count as this share, so that the index stays finite


def observe(work: Work, scored: Scored) -> None:
    """Write the observations of one scoring run. Writing them twice changes nothing."""
    facts = scored.run.version.facts
    rows = [("scored", "", float(scored.run.scored), {}), ("records", "", float(scored.run.records), {})]
    if len(scored.values):
        rows.append(_shift(scored, facts["score_reference"]))
        for data in facts["fields"]:
            rows += _field(FieldSpec.from_json(data), scored.table, facts["reference"][data["name"]])
    with work.fenced():
        Observation.objects.bulk_create(
            [
                Observation(
                    prediction_id=scored.run.prediction_id, scoring_run=scored.run, metric=metric, field=field, value=value, detail=detail,
                    at=scored.run.as_of,
                )
                for metric, field, value, detail in rows
            ],
            ignore_conflicts=True,
        )  # fmt: skip


def stability_index(shares: np.ndarray, reference: np.ndarray) -> float:
    """Population stability index: sum of (share - reference) * ln(share / reference)."""
    now, then = np.maximum(shares, SMALL), np.maximum(reference, SMALL)
    return float(((now - then) * np.log(now / then)).sum())


def _shift(scored: Scored, reference: dict[str, Any]) -> tuple[str, str, float, dict]:
    edges = np.array(reference["edges"])
    if len(edges) > 2:
        inner = np.searchsorted(edges[1:-1], scored.values, side="right")
        shares = np.bincount(inner, minlength=len(edges) - 1) / len(scored.values)
        index = stability_index(shares, np.array(reference["shares"]))
    else:
        index = 0.0
    total = max(1, scored.run.scored)
    detail = {
        "high": scored.run.bands["high"] / total, "usual_high": reference["bands"]["high"], "mean": float(scored.values.mean()),
        "usual_mean": reference["mean"], "usual_sd": reference["sd"], "records": scored.run.scored,
        "constant": bool(scored.run.scored >= 20 and np.ptp(scored.values) == 0 and reference["sd"] > 0),
    }  # fmt: skip
    return "score_shift", "", index, detail


def _field(spec: FieldSpec, table: pd.DataFrame, reference: dict[str, Any]) -> list[tuple[str, str, float, dict]]:
    parsed = parse(table[spec.name], spec)
    rows: list[tuple[str, str, float, dict]] = [
        ("blank", spec.name, float(parsed.isna().mean()), {"usual": reference["blank"]})
    ]
    if spec.family in {"number", "date"} and "min" in reference:
        low, high = reference["min"], reference["max"]
        bounds = (pd.Timestamp(low), pd.Timestamp(high)) if spec.family == "date" else (low, high)
        # Dates go on: only dates before the learnt range, or in the far future, are strange.
        beyond = parsed < bounds[0] if spec.family == "date" else (parsed < bounds[0]) | (parsed > bounds[1])
        shown = (low[:10], high[:10]) if spec.family == "date" else (f"{low:,.6g}", f"{high:,.6g}")
        rows.append(
            (
                "outside",
                spec.name,
                float(beyond.mean()),
                {"count": int(beyond.sum()), "low": shown[0], "high": shown[1]},
            )
        )
    elif spec.family == "category" and reference.get("all_levels"):
        text = parsed.dropna().astype(str)
        unseen = text[~text.isin(list(reference["levels"]))]
        examples = [str(level)[:40] for level in unseen.value_counts().head(EXAMPLES).index]
        rows.append(
            ("outside", spec.name, len(unseen) / max(1, len(parsed)), {"count": len(unseen), "examples": examples})
        )
    return rows
