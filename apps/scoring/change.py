"""Why a score changed since the run before: what the record did, and what the model did.

With old and new record r, r' and old and new model m, m': m'(r') - m(r) = [m'(r') - m'(r)] + [m'(r) - m(r)], the record's part and the model's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.datasets.records import record_of
from apps.predictions.models import Prediction
from apps.scoring.history import Point
from apps.scoring.model_cache import model_of
from apps.scoring.models import Score
from einstein.ml.scorer import score_one

LEAST_CHANGE = 0.005  # half a point: less is shown as the same


@dataclass
class Change:
    """A score then and now. `by_record` and `by_model` add up to the difference; `fields` are (name, then, now) that changed and are learnt from."""

    since: datetime
    before: float
    now: float
    by_record: float
    by_model: float
    fields: list[tuple[str, str, str]]
    new_version: bool


def change_of(prediction: Prediction, score: Score, history: list[Point], now: dict[str, Any]) -> Change | None:
    """The change since the newest earlier run that holds the record; None when there is none or nothing to compare with.

    `history` is the record's, oldest first; `now` is the record as it was scored.
    """
    earlier = [point for point in history if point.run.as_of < score.scoring_run.as_of]
    if not earlier or not now:
        return None
    run, before = earlier[-1].run, earlier[-1].value
    then = record_of(prediction.dataset, run.snapshot, score.key) if run.snapshot else {}
    if not then:
        return None
    model = model_of(score.version)
    same_record_new_model = float(score_one(model, then, 0).value[0]) if run.version_id != score.version_id else before
    used = set(model.encoder.fields)
    fields = [
        (name, then.get(name) or "blank", now.get(name) or "blank")
        for name in now
        if name in used and then.get(name) != now.get(name)
    ]
    return Change(
        run.as_of, before, score.value, score.value - same_record_new_model, same_record_new_model - before, fields, run.version_id != score.version_id
    )  # fmt: skip
