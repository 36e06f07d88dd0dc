"""What came true of the scores of a version: measured at each look, told when it is worse than the scorecard, drawn by band."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import numpy as np
from django.db.models import Avg, Count

from apps.predictions.models import ModelVersion, Prediction
from apps.scoring.models import Outcome
from einstein.ml.came_true import LEAST, METRICS, CameTrue, measure
from einstein.postgres import moment

WINDOW = timedelta(days=90)
MOST = 20_000  # outcomes, the newest


def came_true(prediction: Prediction, version: ModelVersion) -> CameTrue | None:
    """How right the version's scores of the last 90 days were; None while too few outcomes are known."""
    newest = _recent(prediction, version).order_by("-known_at").values_list("said", "came")[:MOST]
    pairs = np.array(list(newest), dtype="float64").reshape(-1, 2)
    if len(pairs) < LEAST:
        return None
    usual = version.facts["scorecard"]["metrics"][METRICS[prediction.task]]
    return measure(prediction.task, pairs[:, 0], pairs[:, 1], usual)


def _recent(prediction: Prediction, version: ModelVersion) -> Any:
    return Outcome.objects.filter(prediction=prediction, version=version, known_at__gt=moment.now() - WINDOW)


def by_band(prediction: Prediction, version: ModelVersion) -> list[dict[str, Any]]:
    """[{"band", "count", "said", "came"}], High first, of the last 90 days. One query."""
    found = _recent(prediction, version).values("band").annotate(count=Count("id"), said=Avg("said"), came=Avg("came"))
    order = ["high", "medium", "low"]
    return sorted((row for row in found if row["band"] in order), key=lambda row: order.index(row["band"]))


def facts_and_alarm(prediction: Prediction, version: ModelVersion) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """({"realised": what came true} or {}, the alarm where it is worse)."""
    found = came_true(prediction, version)
    if found is None:
        return {}, None
    alarm = {
        "check": "performance_realised",
        "field": None,
        "severity": "warning",
        "message": words(found),
        "cause": "performance",
    }
    return {"realised": asdict(found)}, alarm if found.worse else None


def words(found: CameTrue) -> str:
    """What came true in a sentence."""
    begins = f"Of the {found.count:,} outcomes that have come since"
    if found.metric == "mae":
        level = f", {found.came:.4g} on average where {found.said:.4g} was foretold" if found.worse == "level" else ""
        return f"{begins}, predictions missed by {found.value:.4g} on average{level}; {found.usual:.4g} is what the scorecard says."
    if found.worse == "level":
        return f"{begins}, {found.came:.0%} came true where {found.said:.0%} was said on average."
    if found.metric == "accuracy":
        return f"{begins}, {found.value:.0%} were foretold rightly; the scorecard says {found.usual:.0%}."
    return f"{begins}, {100 * found.value:.0f} of 100 pairs were ranked rightly; the scorecard says {100 * found.usual:.0f}."
