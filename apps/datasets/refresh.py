"""Refreshing a dataset from its source: read whole or what changed, then taken in. A failure keeps the last good snapshot and comes again."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from django.db.models import F

from apps.datasets.arrival import Arrived, Taken, note_outcome
from apps.datasets.connectors.base import Connector, Reading, Since
from apps.datasets.held import report_of
from apps.datasets.intake import take_in
from apps.datasets.lane import lane_of
from apps.datasets.models import Dataset, Field, HeldTable, Snapshot, Source
from apps.datasets.records import newest_snapshot
from apps.datasets.room import refuse_when_full
from apps.datasets.sources import connector_of
from apps.runs.lease import Work, WorkFailed
from apps.runs.queue import enqueue
from apps.workspaces.scope import workspace_scope
from einstein import storage
from einstein.ml.errors import DataProblem
from einstein.outbound.addresses import OutboundProblem
from einstein.postgres import moment
from einstein.sealed import CannotOpen

RETRY_MINUTES = [5, 30, 120]  # then it waits for its next planned time (Svix's schedule, thinned)
WHOLE_AGAIN_DAYS = 7  # changes are read whole once a week, which finds what a cursor field missed
TOLD_EVERY = 1.0  # seconds between two notes of progress


def refresh(work: Work, needed: Iterable[str] = ()) -> Taken:
    """Read the source of a dataset and take in what it gives. Safe to run twice: a second reading finds nothing changed."""
    with workspace_scope(work.workspace_id):
        source = Source.objects.select_related("dataset").get(dataset_id=work.subject_id)
        snapshot = newest_snapshot(source.dataset)
        since = _since(source, snapshot)
        refuse_when_full()
    try:
        connector = connector_of(source)
        work.stage(f"Read {connector.words_of(source.pick)}", connector.place)
        with tempfile.TemporaryDirectory(prefix="einstein-refresh-") as folder:
            position = source.position if snapshot is not None else {}
            reading = _read(work, connector, source, since, position, Path(folder))
            taken = _taken(work, source, reading, since, needed)
    except (OutboundProblem, CannotOpen) as problem:
        raise WorkFailed(str(problem)) from problem
    except DataProblem as problem:
        raise WorkFailed(f"What came from {source.dataset.name}’s source could not be used. {problem}") from problem
    return taken


def note_read(dataset_id: int) -> None:
    """A dataset's source has been read to its end."""
    Source.objects.filter(dataset_id=dataset_id).update(read_at=moment.now(), failures=0)


def _since(source: Source, snapshot: Snapshot | None) -> Since | None:
    """How changes are told, when only they are wanted; the cursor only when there is something to lay them over."""
    dataset = source.dataset
    if source.mode != "changes" or not source.cursor_field or not dataset.key_field:
        return None
    comparable = snapshot is not None and snapshot.keyed_by == dataset.key_field
    recent = moment.now().timestamp() - source.position.get("whole_at", 0.0) < WHOLE_AGAIN_DAYS * 86400
    cursor = source.position.get("cursor") if comparable and recent else None
    return Since(
        source.cursor_field, dataset.key_field, cursor, source.position.get("known") if cursor is not None else None
    )


def _read(
    work: Work, connector: Connector, source: Source, since: Since | None, position: dict, folder: Path
) -> Reading:
    reading = connector.read(source.pick, since, position, folder, _teller(work))
    if since is not None and reading.changes_only and not _fits(work, source.dataset, reading):
        # A field came or went: the changed records alone would leave it blank in all others.
        whole = folder / "whole"
        whole.mkdir()
        reading = connector.read(source.pick, replace(since, cursor=None), {}, whole, _teller(work))
    if since is not None and "cursor" in reading.position:
        reading.position["whole_at"] = source.position["whole_at"] if reading.changes_only else moment.now().timestamp()
    return reading


def _fits(work: Work, dataset: Dataset, reading: Reading) -> bool:
    with workspace_scope(work.workspace_id):
        known = set(Field.objects.filter(dataset=dataset).values_list("name", flat=True))
    return {dataset.aliases.get(name, name) for name in reading.report.fields} == known


def _taken(work: Work, source: Source, reading: Reading, since: Since | None, needed: Iterable[str]) -> Taken:
    if reading.path is None:
        taken = Taken("unchanged")
        with work.fenced():
            Source.objects.filter(id=source.id).update(position=reading.position)
            note_outcome(work, taken)
        return taken
    arrived = Arrived(
        reading.path,
        reading.report,
        reading.origin,
        changes_only=reading.changes_only,
        total=reading.total,
        keys=reading.keys,
        position=reading.position,
        fresh=reading.fresh,
    )
    return take_in(work, source.dataset_id, arrived, needed)


def accept_held(work: Work) -> Taken:
    """Take in a held table that somebody accepted. Safe to run twice: an accepted one is left alone."""
    with workspace_scope(work.workspace_id):
        held = HeldTable.objects.select_related("upload").get(id=work.params["held"])
        if held.state != "open":
            return Taken("unchanged")
    facts = held.reading
    with storage.local_copy(held.storage_key) as path:
        arrived = Arrived(
            path, report_of(held), held.origin, upload=held.upload, changes_only=facts["changes_only"], position=facts["position"],
            fresh=facts["fresh"], accepted=held,
        )  # fmt: skip
        return take_in(work, held.dataset_id, arrived)


def plan_retry(workspace_id: int, dataset_id: int) -> None:
    """After a failed refresh: come again soon, three times, then at the next planned time."""
    with workspace_scope(workspace_id):
        source = Source.objects.select_for_update().filter(dataset_id=dataset_id).first()
        if source is None:
            return
        Source.objects.filter(id=source.id).update(failures=F("failures") + 1)
        if source.state == "active" and source.failures < len(RETRY_MINUTES):
            due = moment.now() + timedelta(minutes=RETRY_MINUTES[source.failures])
            key = f"refresh:{dataset_id}"
            enqueue("refresh", dataset_id, queue=lane_of(dataset_id), unique_key=key, due_at=due)


def _teller(work: Work) -> Callable[[int, int | None], None]:
    last = [0.0]

    def tell(done: int, total: int | None) -> None:
        work.check()
        if time.monotonic() - last[0] > TOLD_EVERY:
            last[0] = time.monotonic()
            work.progress(done=done, total=total, unit="records read")

    return tell
