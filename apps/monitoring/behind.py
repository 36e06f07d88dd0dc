"""The records behind a field's chart: which of the newest run hold something strange, and what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from apps.datasets.records import keyed, load
from apps.monitoring.training_range import outside_training
from apps.predictions.models import Prediction
from apps.scoring.models import ScoringRun
from einstein import storage
from einstein.ml.schema import FieldSpec
from einstein.ml.watch.table import Batch, Values

SHOWN = 50
STRANGE = {
    "unreadable": "cannot be read",
    "outside": "outside what training held",
    "blank": "empty",
    "usual": "as in training",
}


@dataclass
class Behind:
    """`groups` [(kind, words, records)] of those that are there; `rows` the first of the kind chosen, highest score first."""

    groups: list[tuple[str, str, int]]
    rows: list[dict[str, Any]]
    chosen: str
    records: int


def records_behind(prediction: Prediction, run: ScoringRun, field: str, wanted: str) -> Behind | None:
    """The run's records by what the field holds; None when its snapshot is gone. Reads two columns."""
    if run.snapshot is None:
        return None
    with storage.local_copy(run.history_key) as path:
        scores = pd.read_parquet(path, columns=["key", "value", "band"]).set_index("key")
    names = [name for name in dict.fromkeys([prediction.dataset.key_field, field]) if name]
    table = keyed(prediction.dataset, load(run.snapshot, names))
    table = table[table.index.isin(scores.index)]
    spec = next(FieldSpec.from_json(one) for one in run.version.facts["fields"] if one["name"] == field)
    kinds = _kinds(spec, Batch.of(table[[field]]).read(spec), run.version.facts["reference"].get(field, {}))
    counts = {kind: int((kinds == kind).sum()) for kind in STRANGE}
    groups = [(kind, words, counts[kind]) for kind, words in STRANGE.items() if counts[kind]]
    chosen = wanted if counts.get(wanted) else next((kind for kind, _, _ in groups), "usual")
    shown = scores.assign(written=table[field].reindex(scores.index))[scores.index.isin(table.index[kinds == chosen])]
    rows = shown.sort_values("value", ascending=False, kind="stable").head(SHOWN).reset_index().to_dict("records")
    return Behind(groups, rows, chosen, len(table))


def _kinds(spec: FieldSpec, values: Values, reference: dict[str, Any]) -> np.ndarray:
    """Which of `STRANGE` each record is, (records,)."""
    outside = outside_training(spec, values, reference)
    return np.select([values.unreadable, outside, values.blank], ["unreadable", "outside", "blank"], default="usual")
