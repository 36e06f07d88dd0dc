"""One scoring run: the newest snapshot through the champion, latest scores by COPY into PostgreSQL, history into Parquet."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from django.db import connection
from pyarrow import csv

from apps.datasets.models import Snapshot
from apps.datasets.records import load, newest_snapshot
from apps.predictions.definition import ToScore, scoring_table
from apps.predictions.models import ModelVersion, Prediction
from apps.runs.lease import Work, WorkFailed
from apps.scoring.model_cache import Stored, model_of
from apps.scoring.models import ScoringRun
from apps.scoring.outcomes import keep_outcomes
from apps.scoring.short_reasons import shortened
from apps.workspaces.scope import current_workspace_id, workspace_scope
from einstein import storage
from einstein.ml.artifact import Model
from einstein.ml.columns import Column
from einstein.ml.features.encoder import read_columns
from einstein.ml.schema import FieldSpec
from einstein.ml.scorer import Scores, score, score_one
from einstein.postgres import moment

REASONS_KEPT = 6  # three are shown, the record page draws more (DEFAULTS: 3 + 3)
CHUNK = 5000
COLUMNS = {
    "key": pa.string(), "value": pa.float64(), "predicted": pa.string(), "band": pa.string(), "short_reasons": pa.string(),
    "seen": pa.bool_(), "open": pa.bool_(),
}  # fmt: skip
COPIED = 50_000  # rows written at once, about 40 MB


@dataclass
class Scored:
    """What a scoring run made, for those who observe it."""

    run: ScoringRun
    table: pd.DataFrame
    values: np.ndarray
    read: dict[str, tuple[FieldSpec, Column]] = field(
        default_factory=dict, repr=False
    )  # the model's fields, of small tables


def score_prediction(work: Work, then: Callable[[ScoringRun], None] = lambda run: None) -> Scored | None:
    """Score one prediction; None when the data has not changed since the last run. Safe to run twice.

    `then` is called in the transaction that keeps the scores: what it writes stands exactly when they do.
    """
    with workspace_scope(work.workspace_id):
        prediction = Prediction.objects.select_related("workspace", "dataset", "champion").get(id=work.subject_id)
        version, snapshot = prediction.champion, newest_snapshot(prediction.dataset)
        if version is None:
            raise WorkFailed(f"{prediction.name} has no enabled version yet. Open its scorecard and enable one.")
        if snapshot is None:
            raise WorkFailed(f"{prediction.dataset.name} holds no records. Upload a file.")
        fingerprint = _fingerprint(prediction, version, snapshot)
        table = None if _is_unchanged(prediction, fingerprint) else load(snapshot)
        if table is not None:
            _refuse_missing_fields(version, table, prediction)
            found = scoring_table(prediction, table)
    if table is None:
        _note_unchanged(work, prediction)
        return None
    work.stage(f"Score {len(found.records):,} {prediction.dataset.noun}s")
    model = model_of(version)
    specs, columns = model.encoder.specs, {}
    if 0 < len(found.records) <= CHUNK:
        columns = read_columns(found.records, specs)  # once, for scoring and for the look at it
    scores = _in_chunks(work, model, found.records, columns)
    work.stage("Keep the scores")
    rows = _as_table(found, scores)

    def before(run: ScoringRun) -> None:
        keep_outcomes(prediction, found.known, run)

    run = _keep(work, prediction, version, snapshot, fingerprint, rows, len(table), before, then)
    read = {spec.name: (spec, columns[spec.name]) for spec in specs if spec.name in columns}
    return Scored(run, found.records, scores.value, read)


def scores_kept(run: ScoringRun) -> Scored | None:
    """A run as it was made, read back; None when its snapshot is gone."""
    if run.snapshot is None:
        return None
    prediction = Prediction.objects.select_related("dataset").get(id=run.prediction_id)
    records = scoring_table(prediction, load(run.snapshot)).records
    with storage.local_copy(run.history_key) as path:
        values = pd.read_parquet(path, columns=["key", "value"]).set_index("key")["value"]
    records = records[records.index.isin(values.index)]
    return Scored(run, records, values.reindex(records.index).to_numpy(dtype="float64"))


def _fingerprint(prediction: Prediction, version: ModelVersion, snapshot: Snapshot) -> str:
    definition = [snapshot.sha256, version.hash, version.id, prediction.score_mode, prediction.score_filters, prediction.dataset.key_field,
                  prediction.dataset.duplicates]  # fmt: skip
    return hashlib.sha256(json.dumps(definition).encode()).hexdigest()


def newest_run(prediction: Prediction) -> ScoringRun | None:
    found = ScoringRun.objects.filter(prediction=prediction).select_related("version").defer("version__facts")
    return found.order_by("-as_of", "-id").first()


def _is_unchanged(prediction: Prediction, fingerprint: str) -> bool:
    last = newest_run(prediction)
    return last is not None and last.fingerprint == fingerprint


def _note_unchanged(work: Work, prediction: Prediction) -> None:
    work.stage("Same data as last time", "No new scores are needed")
    with work.fenced():
        ScoringRun.objects.filter(id=newest_run(prediction).id).update(checked_at=moment.now())


def _refuse_missing_fields(version: ModelVersion, table: pd.DataFrame, prediction: Prediction) -> None:
    """Never score from defaults: when fields the model uses are gone, hold the batch and say which."""
    missing = [spec["name"] for spec in version.facts["fields"] if spec["name"] not in table.columns]
    if missing:
        raise WorkFailed(
            f"The newest file of {prediction.dataset.name} lacks {len(missing)} field{'s' if len(missing) > 1 else ''} the model learnt from: "
            f"{', '.join(missing[:5])}. Upload a file that has them, or train again. The last good scores stay."
        )


def _in_chunks(work: Work, model: Model, records: pd.DataFrame, columns: dict[str, Column]) -> Scores:
    parts = []
    for start in range(0, len(records), CHUNK):
        work.check()
        parts.append(score(model, records.iloc[start : start + CHUNK], REASONS_KEPT, columns))
        work.progress(done=min(start + CHUNK, len(records)), total=len(records), unit="scored")
    if not parts:
        return score(model, records, 0)
    return Scores(
        np.concatenate([part.value for part in parts]), sum((part.predicted for part in parts), []), None,
        sum((part.bands for part in parts), []), sum((part.reasons for part in parts), []),
    )  # fmt: skip


def _as_table(found: ToScore, scores: Scores) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "key": list(found.records.index), "value": scores.value, "predicted": scores.predicted, "band": scores.bands,
            "reasons": [orjson.dumps(why).decode() for why in scores.reasons], "short_reasons": [shortened(why) for why in scores.reasons],
            "seen": found.learnt, "open": found.open,
        }
    )  # fmt: skip


def _keep(
    work: Work,
    prediction: Prediction,
    version: ModelVersion,
    snapshot: Snapshot,
    fingerprint: str,
    rows: pd.DataFrame,
    records: int,
    before: Callable[[ScoringRun], None],
    then: Callable[[ScoringRun], None],
) -> ScoringRun:
    as_of = moment.now()
    key = storage.key_for(work.workspace_id, "scores", prediction.id, f"{work.run_id}-{work.lease}.parquet")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.parquet"
        rows.drop(columns="short_reasons").assign(as_of=as_of.isoformat()).to_parquet(path, index=False)
        storage.put(path, key)
    with work.fenced():
        done = ScoringRun.objects.filter(run_id=work.run_id).first()
        if done is not None:
            return done
        run = ScoringRun.objects.create(
            prediction=prediction, version=version, snapshot=snapshot, run_id=work.run_id, fingerprint=fingerprint, records=records,
            scored=len(rows), bands={band: int((rows["band"] == band).sum()) for band in ("high", "medium", "low")},
            histogram=_histogram(rows["value"].to_numpy(), prediction.task), history_key=key, as_of=as_of,
        )  # fmt: skip
        before(run)  # the scores that are about to be replaced
        _upsert(rows, prediction, version, run)
        then(run)
    return run


def _histogram(values: np.ndarray, task: str) -> list[list[float]]:
    """[left edge, right edge, count] of twenty equal bins."""
    if not len(values):
        return []
    bounds = (0.0, 1.0) if task != "regression" else (float(values.min()), float(values.max()) or 1.0)
    if bounds[0] == bounds[1]:
        bounds = (bounds[0] - 0.5, bounds[1] + 0.5)
    counts, edges = np.histogram(values, bins=20, range=bounds)
    return [[float(edges[i]), float(edges[i + 1]), int(counts[i])] for i in range(20)]


def _upsert(rows: pd.DataFrame, prediction: Prediction, version: ModelVersion, run: ScoringRun) -> None:
    """COPY into a temporary table (COPY cannot go into one with row-level security), then one upsert."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE incoming (key text, value double precision, predicted text, band text, short_reasons text, seen boolean, open boolean) ON COMMIT DROP"
        )
        with cursor.copy(f"COPY incoming ({', '.join(COLUMNS)}) FROM STDIN (FORMAT csv)") as copy:
            for start in range(0, len(rows), COPIED):
                copy.write(_as_csv(rows.iloc[start : start + COPIED]))
        cursor.execute(
            "INSERT INTO scoring_score (workspace_id, prediction_id, version_id, scoring_run_id, key, value, predicted, band, short_reasons, reasons, seen, open, as_of) "
            "SELECT %s, %s, %s, %s, key, value, predicted, band, short_reasons, '[]', seen, open, %s FROM incoming "
            "ON CONFLICT (prediction_id, key) DO UPDATE SET previous = scoring_score.value, version_id = EXCLUDED.version_id, "
            "scoring_run_id = EXCLUDED.scoring_run_id, value = EXCLUDED.value, predicted = EXCLUDED.predicted, band = EXCLUDED.band, "
            "short_reasons = EXCLUDED.short_reasons, reasons = EXCLUDED.reasons, seen = EXCLUDED.seen, open = EXCLUDED.open, as_of = EXCLUDED.as_of",
            [current_workspace_id(), prediction.id, version.id, run.id, run.as_of],
        )
        cursor.execute("DROP TABLE incoming")


def _as_csv(rows: pd.DataFrame) -> bytes:
    """Rows as PostgreSQL reads them, written by Arrow: row by row it would take longer than the upsert."""
    columns = {name: pa.array(rows[name], type=kind, from_pandas=False) for name, kind in COLUMNS.items()}
    columns["predicted"] = pc.utf8_slice_codeunits(columns["predicted"], 0, 220)
    out = io.BytesIO()
    csv.write_csv(pa.table(columns), out, csv.WriteOptions(include_header=False))
    return out.getvalue()


def score_records(version: Stored, records: list[dict[str, Any]], reasons: int) -> Scores:
    """Score flat records handed over by REST; values are read as a user would type them."""
    if len(records) == 1:
        return score_one(model_of(version), records[0], reasons)
    table = pd.DataFrame(records, dtype="object")
    return score(model_of(version), table.where(table.notna(), None), reasons)
