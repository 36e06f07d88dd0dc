"""What a scoring run looks like: the watch of its prediction takes a look, and the observations are kept with what it remembers."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from django.db import transaction

from apps.monitoring.came_true import facts_and_alarm
from apps.monitoring.models import Look, Memory
from apps.monitoring.reference import learn, scored_records
from apps.monitoring.training_range import beyond_training, gross_against_training
from apps.predictions.models import Prediction
from apps.runs.lease import Work
from apps.scoring.models import ScoringRun
from apps.scoring.score import Scored, scores_kept
from apps.workspaces.scope import workspace_scope
from einstein import storage
from einstein.ml.errors import DataProblem
from einstein.ml.watch import Watcher
from einstein.ml.watch.figures import Figure, figures
from einstein.ml.watch.keep import from_bytes, to_bytes
from einstein.ml.watch.table import Batch

logger = logging.getLogger("einstein.monitoring")
WATCHES_HELD = 8  # in a process, by content: what a reference taught never changes
DIGITS = 6


def observe(work: Work, scored: Scored | None, then: Callable[[], None] = lambda: None) -> None:
    """Look at a scoring run, and at one that an interrupted worker scored but did not look at. Doing it twice changes nothing.

    `then` is called in the transaction that keeps the look.
    """
    with workspace_scope(work.workspace_id):
        scored = scored or _left_behind(work)
    if scored is None or not len(scored.values):
        return
    with work.fenced():
        if _looked(scored):
            then()
            return
    with workspace_scope(work.workspace_id):
        remember(scored)
    with work.fenced():
        _looked(scored)
        then()


def _looked(scored: Scored) -> bool:
    """Take the look; False when there is no watch that learnt for this version and can be read."""
    memory = Memory.objects.select_for_update().filter(prediction_id=scored.run.prediction_id).first()
    watcher = _resumed(memory) if memory is not None and memory.version_id == scored.run.version_id else None
    if memory is None or watcher is None:
        return False
    _look(memory, watcher, scored)
    return True


def _left_behind(work: Work) -> Scored | None:
    """The newest scoring when nobody has looked at it."""
    run = (
        ScoringRun.objects.filter(prediction_id=work.subject_id)
        .select_related("version")
        .order_by("-as_of", "-id")
        .first()
    )
    return scores_kept(run) if run is not None and not Look.objects.filter(scoring_run=run).exists() else None


def _resumed(memory: Memory) -> Watcher | None:
    """The watch with what it remembers of the runs before; None when its file is damaged or gone, so that it has to learn anew."""
    try:
        watcher = watch_of(memory)
        watcher.resume(from_bytes(bytes(memory.state)))
    except (DataProblem, FileNotFoundError) as problem:
        logger.warning("prediction %s: what was usual is lost (%s); the newest scores are taken for usual", memory.prediction_id, problem)  # fmt: skip
        return None
    return watcher


def remember(scored: Scored) -> Memory:
    """Learn what is usual and keep it, in place of what was known before, whose file goes once the new one stands."""
    watcher, origin = learn(scored)
    prediction = scored.run.prediction_id
    key = storage.key_for(scored.run.workspace_id, "watches", prediction, f"{scored.run.id}-{secrets.token_hex(4)}.zip")
    storage.put_bytes(to_bytes(watcher), key)
    before = Memory.objects.filter(prediction_id=prediction).values_list("storage_key", flat=True).first()
    values = {"version_id": scored.run.version_id, "storage_key": key, "state": to_bytes(watcher.memory()), "learnt_from": origin}  # fmt: skip
    memory, _ = Memory.objects.update_or_create(prediction_id=prediction, defaults=values)
    if before:
        transaction.on_commit(lambda: storage.delete(before))
    return memory


def learn_anew(prediction: Prediction) -> bool:
    """Take the newest run for the new normal; False when there is none."""
    run = ScoringRun.objects.filter(prediction=prediction).select_related("version").order_by("-as_of", "-id").first()
    if run is None:
        return False
    scored = scores_kept(run)
    if scored is None or not len(scored.values):
        return False
    memory = remember(scored)
    watcher = _resumed(memory)
    if watcher is None:
        return False
    Look.objects.filter(scoring_run=run).delete()
    _look(memory, watcher, scored, expected=True)
    return True


def watch_of(memory: Memory) -> Watcher:
    """The prediction's watch as it learnt from its reference; `resume` it before use."""
    return _read(memory.storage_key)


@lru_cache(maxsize=WATCHES_HELD)
def _read(key: str) -> Watcher:
    with storage.local_copy(key) as path:
        watcher = from_bytes(path.read_bytes())
    if not isinstance(watcher, Watcher):
        raise DataProblem("The kept watch is none.")
    return watcher


def _look(memory: Memory, watcher: Watcher, scored: Scored, expected: bool = False) -> None:
    if Look.objects.filter(scoring_run=scored.run).exists():
        return
    zone = scored.run.prediction.workspace.zone
    records = Batch.of(scored_records(scored), scored.read)
    lines = watcher.look(records, day=scored.run.as_of.astimezone(zone).weekday())
    found = figures(watcher)
    training = beyond_training(scored.run.version.facts, watcher)
    alarms = _alarms(lines, memory, scored, watcher.number)
    realised, missed = facts_and_alarm(scored.run.prediction, scored.run.version)
    if missed is not None:
        alarms.append(missed | {"since": _since(missed, scored)})
    if watcher.number == 1 and not expected:
        alarms += gross_against_training(training, records.rows)
    Look.objects.create(
        prediction_id=scored.run.prediction_id, scoring_run=scored.run, number=watcher.number, records=records.rows, at=scored.run.as_of,
        scores=_score_facts(watcher, scored) | realised, alarms=alarms,
        fields={figure.field: _row(figure, training.get(figure.field, {})) for figure in found},
    )  # fmt: skip
    memory.state = to_bytes(watcher.memory())
    memory.legend = {figure.field: [figure.what, figure.of] for figure in found}
    memory.save(update_fields=["state", "legend"])


def _alarms(lines: list[dict[str, Any]], memory: Memory, scored: Scored, number: int) -> list[dict[str, Any]]:
    """The alarms that are open after this look, each with the time of the run it began with."""
    live = [line for line in lines if line["state"] != "resolved"]
    # Numbers begin anew with each reference: the newest look of a number is this one's.
    begun = Look.objects.filter(
        prediction_id=scored.run.prediction_id, number__in={line["since"] for line in live} - {number}
    )
    times = dict(begun.order_by("id").values_list("number", "at"))
    kept = ("check", "field", "severity", "message", "cause")
    return [
        {name: line[name] for name in kept}
        | {"since": times.get(line["since"], scored.run.as_of).isoformat(), "message": _said(line["message"], memory)}
        for line in live
    ]


def _since(alarm: dict[str, Any], scored: Scored) -> str:
    """When an alarm that the watch does not follow began: with the look before, if that had it."""
    before = Look.objects.filter(prediction_id=scored.run.prediction_id).order_by("-at", "-id").first()
    open_before = (one["since"] for one in (before.alarms if before else []) if one["check"] == alarm["check"])
    return next(open_before, None) or scored.run.as_of.isoformat()


def _said(message: str, memory: Memory) -> str:
    """What the watch says of its reference as what it is here: records scored before, unless training's stood in."""
    if memory.learnt_from == "training":
        return message
    return (
        message.replace("those of training", "those of before")
        .replace("In training", "Before")
        .replace("in training", "before")
    )


def _row(figure: Figure, training: dict[str, Any]) -> list[float | None]:
    numbers = [figure.value, figure.low, figure.high, figure.blank, training.get("outside", 0.0), figure.strange]
    return [None if number is None or not np.isfinite(number) else float(f"{number:.{DIGITS}g}") for number in numbers]


def _score_facts(watcher: Watcher, scored: Scored) -> dict[str, Any]:
    run, look = scored.run, watcher.seen
    facts = {"mean": float(np.mean(scored.values)), "high": run.bands.get("high", 0) / max(1, run.scored)}
    if look is not None and look.promised is not None:
        told = look.promised
        facts |= {"estimated": told.value, "estimated_usual": told.usual, "metric": told.metric}
    return facts
