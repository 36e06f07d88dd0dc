"""What a prediction's watch takes for usual: the records scored first by a version, or those it learnt from while too few are scored.

A prediction often scores other records than it learns from (open deals, not closed ones). What differs by definition must not alarm,
so the first scoring is the yardstick; what it lacks against training is told once, from the ranges of training (`training_range`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from apps.datasets.records import load
from apps.predictions.definition import learning_table, target_of
from apps.predictions.models import ModelVersion, Prediction
from apps.scoring.model_cache import model_of
from apps.scoring.score import Scored
from einstein.ml.schema import FieldSpec
from einstein.ml.scorer import score
from einstein.ml.watch import Settings, Watcher

SCORE = "score given by the model"  # not a name that a spreadsheet has
LEAST_SCORED, MOST_LEARNT = 200, 10_000
SEED = 11


def learn(scored: Scored) -> tuple[Watcher, str]:
    """A watch that has learnt what is usual, and from which records: "scored" or "training"."""
    version = scored.run.version
    prediction = Prediction.objects.select_related("dataset").get(id=scored.run.prediction_id)
    table, origin = scored_records(scored), "scored"
    if len(table) < LEAST_SCORED and version.snapshot is not None:
        table, origin = _training_records(prediction, version), "training"
    watcher = Watcher(_sample(table), settings_for(prediction, version, table))
    watcher.begin_with(table.head(1))
    return watcher, origin


def scored_records(scored: Scored) -> pd.DataFrame:
    """The records of a run with their scores as a field."""
    return scored.table.assign(**{SCORE: scored.values})


def settings_for(prediction: Prediction, version: ModelVersion, table: pd.DataFrame) -> Settings:
    """Only fields the model uses are watched, each weighed by how much it moves scores."""
    specs = [FieldSpec.from_json(field) for field in version.facts["fields"] if field["name"] in table.columns]
    shares = {driver["field"]: driver["share"] for driver in version.facts["scorecard"]["drivers"]}
    target = target_of(prediction)
    known = target in table.columns and bool(table[target].notna().mean() > 0.5)
    return Settings(
        score=SCORE, specs=specs, importance=shares, outcome=target if known else None, chances=prediction.task == "binary" and not known,
        weekly=prediction.schedule == "daily", repeats=False, ignore=() if known else (target,),
    )  # fmt: skip


def _training_records(prediction: Prediction, version: ModelVersion) -> pd.DataFrame:
    records = _sample(learning_table(prediction, load(version.snapshot)))
    return records.assign(**{SCORE: score(model_of(version), records, 0).value if len(records) else np.zeros(0)})


def _sample(table: pd.DataFrame) -> pd.DataFrame:
    if len(table) <= MOST_LEARNT:
        return table
    return table.iloc[np.sort(np.random.default_rng(SEED).choice(len(table), MOST_LEARNT, replace=False))]
