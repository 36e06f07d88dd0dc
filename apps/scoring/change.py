"""Why a score changed since the run before: what the record did, and what the model did.

With old and new record r, r' and old and new model m, m': m'(r') - m(r) = [m'(r') - m'(r)] + [m'(r) - m(r)], the record's part and the model's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow.parquet as pq

from apps.datasets.records import record_of
from apps.predictions.models import Prediction
from apps.scoring.model_cache import model_of
from apps.scoring.models import Score, ScoringRun
from einstein import storage
from einstein.ml.scorer import score_one

LOOKED_BACK = 10  # runs
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


def change_of(prediction: Prediction, score: Score) -> Change | None:
    """The change since the newest earlier run that holds the record; None when there is none or nothing to compare with."""
    earlier = _earlier(prediction, score)
    if earlier is None:
        return None
    run, before = earlier
    then, now = _record(prediction, run, score.key), _record(prediction, score.scoring_run, score.key)
    if not then or not now:
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


def _earlier(prediction: Prediction, score: Score) -> tuple[ScoringRun, float] | None:
    runs = (
        ScoringRun.objects.filter(prediction=prediction, as_of__lt=score.scoring_run.as_of)
        .select_related("snapshot")
        .order_by("-as_of")
    )
    for run in runs[:LOOKED_BACK]:
        with storage.local_copy(run.history_key) as path:
            rows = pq.read_table(path, columns=["value"], filters=[("key", "=", score.key)])
        if rows.num_rows:
            return run, float(rows.column("value")[0].as_py())
    return None


def _record(prediction: Prediction, run: ScoringRun, key: str) -> dict[str, Any]:
    return record_of(prediction.dataset, run.snapshot, key) if run.snapshot else {}
