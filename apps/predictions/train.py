"""Training a prediction in a child process: hand it the records, pass on its progress, take in its model."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db.models import Max

from apps.datasets.records import load, newest_snapshot
from apps.predictions.definition import chosen_types, learning_table, request_of
from apps.predictions.models import ModelVersion, Prediction
from apps.runs.die_with_parent import die_with_parent
from apps.runs.lease import Work, WorkFailed
from apps.runs.models import Run
from apps.runs.queue import enqueue
from apps.workspaces import audit
from apps.workspaces.models import User
from apps.workspaces.scope import workspace_scope
from einstein import storage
from einstein.ml.artifact import read_facts
from einstein.postgres import moment

logger = logging.getLogger("einstein.train")
POLL_SECONDS = 0.25
NICE = 10  # of 19, the mildest (setpriority(2))


def start_training(prediction: Prediction, user: User | None) -> tuple[ModelVersion, Run]:
    """Begin a new version, or return the one that is being trained."""
    Prediction.objects.select_for_update().get(id=prediction.id)
    running = ModelVersion.objects.filter(prediction=prediction, state="training").first()
    if running is None:
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
    request.threads = request.threads or settings.TRAIN_THREADS
    with tempfile.TemporaryDirectory(prefix="einstein-train-") as folder:
        home = Path(folder)
        records.reset_index(drop=True).to_parquet(home / "table.parquet")
        (home / "job.json").write_text(json.dumps(asdict(request)))
        _run_child(work, home)
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
    if version.state == "champion":
        return
    ModelVersion.objects.filter(prediction=prediction, state="champion").update(state="retired")
    ModelVersion.objects.filter(id=version.id).update(state="champion", enabled_at=moment.now())
    prediction.champion_id, prediction.state = version.id, "active"
    prediction.save(update_fields=["champion", "state"])
    audit.record(user, "version enabled", prediction.name, version=version.number)
    enqueue("score", prediction.id, unique_key=f"score:{prediction.id}:version:{version.id}", by=user)


def mark_failed(workspace_id: int, version_id: int, sentence: str) -> None:
    """Put the reason of a failed or stopped training where its page shows it."""
    with workspace_scope(workspace_id):
        ModelVersion.objects.filter(id=version_id, state="training").update(state="failed", failure=sentence)


def _run_child(work: Work, home: Path) -> None:
    """Run `python -m einstein.ml job`; stop it when the Run is taken away or somebody asks to."""
    command = [sys.executable, "-m", "einstein.ml", "job", str(home)]
    with (home / "errors.txt").open("w+") as errors:
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=settings.BASE_DIR, preexec_fn=_begin_child,
            env=os.environ | {"PYTHONFAULTHANDLER": "1"},  # says where, when a library falls
        )  # fmt: skip
        done = threading.Event()
        listener = threading.Thread(target=_watch_lease, args=(work, child, done), daemon=True)
        listener.start()
        try:
            finished = _pass_on(work, child.stdout)
            status = child.wait()
        finally:
            done.set()
            child.kill()
            listener.join()
        work.check()
        errors.seek(0)
        if not finished:
            _judge(status, errors.read())
        elif status:  # a library's threads may fall while Python leaves; the model was complete by then
            logger.warning("run %s: the training process ended with %s after it was done", work.run_id, status)


def _begin_child() -> None:
    """It uses what scoring and people leave over: a training takes as long as its budget says in any case."""
    die_with_parent()
    os.nice(NICE)


def _pass_on(work: Work, lines: IO[str]) -> bool:
    """Tell what the child tells; whether it said at last that the model is complete."""
    finished = False
    for line in lines:
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:  # a line that broke off with its process, or a library's own words
            continue
        finished |= "done" in event
        if "stage" in event:
            work.stage(event["stage"], event.get("detail", ""))
        if "progress" in event:
            _tell_progress(work, event["progress"])
    return finished


def _tell_progress(work: Work, counts: dict[str, Any]) -> None:
    """Keep the growing curve of the best so far, one point a change."""
    curve = getattr(work, "curve", [])
    point = [round(counts["seconds"], 1), round(counts["best"], 4), counts["tried"]]
    if not curve or curve[-1][1:] != point[1:]:
        curve.append(point)
    work.curve = curve
    work.progress(tried=counts["tried"], best=counts["best"], kinds=counts["kinds"], curve=curve[-300:])


def _watch_lease(work: Work, child: subprocess.Popen, done: threading.Event) -> None:
    while not done.wait(POLL_SECONDS):
        if work.lost.is_set() or work.cancel.is_set():
            child.kill()
            return


def _judge(status: int, errors: str) -> None:
    if status == 0:
        return
    if status == 2:
        raise WorkFailed(errors.strip().splitlines()[-1])
    if status == -signal.SIGKILL:
        raise ChildKilled("the training process was killed, perhaps because memory ran out")
    if status < 0:
        raise ChildKilled(f"the training process fell with signal {-status}:\n{errors[-4000:]}")
    raise RuntimeError(f"the training process ended with {status}:\n{errors[-4000:]}")


class ChildKilled(Exception):
    """The training process was killed from outside, or fell in a library's own code; the Run is tried again."""
