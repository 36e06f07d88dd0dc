"""The records that a draft of a prediction is about, as its screens and answers need them."""

from __future__ import annotations

import pandas as pd

from apps.datasets.records import keyed, load, newest_snapshot, specs_of
from apps.predictions.definition import with_outcome
from apps.predictions.models import Prediction


def records_with_outcome(prediction: Prediction) -> pd.DataFrame:
    return with_outcome(prediction, _keyed_records(prediction), specs_of(prediction.dataset))


def _keyed_records(prediction: Prediction) -> pd.DataFrame:
    """The newest snapshot's keyed records; a screen asks several times, so one read is kept with the prediction at hand."""
    dataset, snapshot = prediction.dataset, newest_snapshot(prediction.dataset)
    wanted = (snapshot.id, dataset.key_field, dataset.duplicates)
    if getattr(prediction, "_records_of", None) != wanted:
        prediction._records, prediction._records_of = keyed(dataset, load(snapshot)), wanted
    return prediction._records


def column_of(prediction: Prediction, name: str) -> pd.Series | None:
    snapshot = newest_snapshot(prediction.dataset)
    if snapshot is None or name not in snapshot.field_names:
        return None
    return load(snapshot, [name])[name]
