"""Training a prediction: hand its records to an executor, pass on its progress, take in its model."""

from __future__ import annotations

import json
import logging
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Max

from apps.datasets.lane import lane_of
from apps.datasets.records import load, newest_snapshot
from apps.predictions.definition import chosen_types, learning_table, request_of
from apps.predictions.executors import chosen
from apps.predictions.executors.base import Limits
from apps.predictions.judge_ending import judge
from apps.predictions.models import ModelVersion, Prediction
from apps.runs.lease import Work, WorkFailed
from apps.runs.models import Run
from apps.runs.queue import enqueue
from apps.workspaces import audit
from apps.workspaces.models import User
from apps.workspaces.quotas import require
from apps.workspaces.scope import workspace_scope
from einstein import disk, storage
from einstein.ml.artifact import read_facts
from einstein.ml.request import AUTO_LARGE, TrainRequest
from einstein.postgres import moment

logger = logging.getLogger("einstein.train")
SLACK_SECONDS = 600.0  # reading, and the first model, which is always finished, take what they take
LONGEST = 5.5 * 3600  # the task queue ends its worker after six hours


def start_training(prediction: Prediction, user: User | None) -> tuple[ModelVersion, Run]:
    """Begin a new version, or return the one that is being trained. Raises `QuotaReached` and `disk.NoRoom`."""
    disk.refuse_without_room()
    Prediction.objects.select_for_update().get(id=prediction.id)
    running = ModelVersion.objects.filter(prediction=prediction, state="training").first()
    if running is None:
        require("training_minutes")
        number = (ModelVersion.objects.filter(prediction=prediction).aggregate(top=Max("number"))["top"] or 0) + 1
        running = ModelVersion.objects.create(prediction=prediction, number=number, created_by=user)
        audit.record(user, "training started", prediction.name, version=number)
    return running, enqueue("train", running.id, queue="train", unique_key=f"train:{running.id}", by=user)


def train(work: Work) -> None:
    """Train one version. Safe to run twice: only a version still in training is worked on, and the last write is fenced."""
    with workspace_scope(work.workspace_id):
        version = ModelVersion.objects.select_related("prediction__dataset").get(id=work.subject_id)
        if version.state != "training":
            return
        prediction = version.prediction
        snapshot = newest_snapshot(prediction.dataset)
        if snapshot is None:
            raise WorkFailed(f"{prediction.dataset.name} holds no records yet. Upload a file first.")
        records = learning_table(prediction, load(snapshot))
        request = request_of(prediction, chosen_types(prediction.dataset))
    request.threads = request.threads or settings.TRAIN_THREADS or chosen().threads
    with tempfile.TemporaryDirectory(prefix="einstein-train-") as folder:
        home = Path(folder)
        records.reset_index(drop=True).to_parquet(home / "table.parquet")
        (home / "job.json").write_text(json.dumps(asdict(request)))
        _train_somewhere(work, home, _limits_of(request))
        facts = read_facts(home / "model")
        key = storage.key_for(work.workspace_id, "models", version.id, f"{work.run_id}-{work.lease}")
        storage.put_folder(home / "model", key)
    with work.fenced():
        done = ModelVersion.objects.filter(id=version.id, state="training").update(
            state="candidate", snapshot=snapshot, storage_key=key, hash=facts["hash"], facts=facts
        )
        if done and prediction.enable_when_ready:
            enable(ModelVersion.objects.get(id=version.id), None)


def enable(version: ModelVersion, user: User | None) -> None:
    """Make a version the champion; the one before retires. Scoring follows at once."""
    prediction = Prediction.objects.select_for_update().get(id=version.prediction_id)
    # Locked, because the clean-up removes the files of old ones.
    version = ModelVersion.objects.select_for_update().get(id=version.id)
    if version.state == "champion" or version.state == "retired" and not version.storage_key:
        return
    ModelVersion.objects.filter(prediction=prediction, state="champion").update(state="retired")
    ModelVersion.objects.filter(id=version.id).update(state="champion", enabled_at=moment.now())
    prediction.champion_id, prediction.state = version.id, "active"
    prediction.save(update_fields=["champion", "state"])
    audit.record(user, "version enabled", prediction.name, version=version.number)
    lane, key = lane_of(prediction.dataset_id), f"score:{prediction.id}:version:{version.id}"
    enqueue("score", prediction.id, queue=lane, unique_key=key, by=user)


def mark_failed(workspace_id: int, version_id: int, sentence: str) -> None:
    """Put the reason of a failed or stopped training where its page shows it."""
    with workspace_scope(workspace_id):
        ModelVersion.objects.filter(id=version_id, state="training").update(state="failed", failure=sentence)


def forget_input(workspace_id: int, run_id: int) -> None:
    """Remove what a killed worker had sent to other machines."""
    try:
        storage.delete(storage.key_for(workspace_id, "trainings", run_id))
    except Exception:  # each kind of storage has its own; whoever takes many Runs back goes on with the next
        logger.exception("run %s: what was sent to be trained on could not be removed", run_id)


def _train_somewhere(work: Work, home: Path, limits: Limits) -> None:
    """Have the chosen executor train; it stops when the Run is taken away or somebody asks to."""
    forget_input(work.workspace_id, work.run_id)
    key = storage.key_for(work.workspace_id, "trainings", work.run_id, work.lease)
    ending = chosen().train(
        home, key, limits, partial(_pass_on, work), lambda: work.lost.is_set() or work.cancel.is_set()
    )
    work.check()
    if ending.reason:
        logger.warning("run %s: its training was ended (%s) %s", work.run_id, ending.reason, ending.errors)
    judge(ending)
    if ending.status:  # a library's threads may fall while Python leaves; the model was complete by then
        logger.warning("run %s: the training process ended with %s after it was done", work.run_id, ending.status)


def _pass_on(work: Work, event: dict[str, Any]) -> None:
    if "stage" in event:
        work.stage(event["stage"], event.get("detail", ""))
    if "progress" in event:
        _tell_progress(work, event["progress"])


def _limits_of(request: TrainRequest) -> Limits:
    budget = request.budget if request.budget is not None else AUTO_LARGE
    seconds = LONGEST if request.trials else min(SLACK_SECONDS + settings.TRAIN_TIME_FACTOR * budget, LONGEST)
    return Limits(seconds, settings.TRAIN_MEMORY_MB, settings.TRAIN_CPUS)


def _tell_progress(work: Work, counts: dict[str, Any]) -> None:
    """Keep the growing curve of the best so far, one point a change."""
    curve = getattr(work, "curve", [])
    point = [round(counts["seconds"], 1), round(counts["best"], 4), counts["tried"]]
    if curve and counts["tried"] < curve[-1][2]:  # begun again on another machine
        curve = []
    if not curve or curve[-1][1:] != point[1:]:
        curve.append(point)
    work.curve = curve
    work.progress(tried=counts["tried"], best=counts["best"], kinds=counts["kinds"], curve=curve[-300:])
