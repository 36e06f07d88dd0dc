"""Holding a Run while working on it: claim, heartbeat, fence every write, finish."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from apps.runs.models import Run
from apps.workspaces.scope import workspace_scope
from einstein.postgres import moment

logger = logging.getLogger("einstein.runs")
TOLD_SECONDS = 1.0  # at most so often a Run's stages and progress are written: whoever watches looks about as often
# Asked several times a Run, so without a query set.
HELD = "SELECT 1 FROM runs_run WHERE workspace_id = %s AND id = %s AND lease = %s AND state = 'running' FOR UPDATE"


class LeaseLost(Exception):
    """Another worker has the Run now; this one must not write any more."""


class Cancelled(Exception):
    """Somebody asked to stop this Run."""


class WorkFailed(Exception):
    """The work cannot be done; the message is a sentence for the user."""


class Work:
    """A claimed Run in a worker's hands."""

    def __init__(self, workspace_id: int, run: Run) -> None:
        self.workspace_id = workspace_id
        self.run_id, self.lease, self.kind, self.queue = run.id, run.lease, run.kind, run.queue
        self.subject_id, self.params = run.subject_id, run.params
        self.created_by_id = run.created_by_id
        self.ended_as = ""  # until it is written how
        self.lost = threading.Event()
        self.cancel = threading.Event()
        self.stages: list[dict[str, Any]] = []
        self._untold: dict[str, Any] = {}
        self._told_at = time.monotonic()
        self._telling = threading.Lock()
        self._fence = threading.local()  # the heartbeat has fences of its own

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """A transaction in the Run's workspace that commits only while this lease is the newest."""
        with workspace_scope(self.workspace_id):
            with connection.cursor() as cursor:
                cursor.execute(HELD, [self.workspace_id, self.run_id, self.lease])
                if cursor.fetchone() is None:
                    raise LeaseLost
            self._fence.ending = ""
            yield
        self.ended_as = self._fence.ending or self.ended_as

    def stage(self, name: str, detail: str = "") -> None:
        """Begin a stage: the one before is done. The same name again says how far it is."""
        if self.stages and self.stages[-1]["name"] == name:
            self.stages[-1] = self.stages[-1] | {"detail": detail}
        else:
            now = moment.now().timestamp()
            if self.stages:
                self.stages[-1] = {"ended": now} | self.stages[-1]
            self.stages.append({"name": name, "detail": detail, "started": now})
        self._tell(stages=list(self.stages))

    def progress(self, **counts: Any) -> None:
        """Replace the Run's progress with real counts."""
        self._tell(progress=counts)

    def tell_waiting(self) -> None:
        """Write what was said of stages and progress and not written yet. A small Run is over before anything has to be."""
        with self._telling:  # never while asking the database: the other thread may hold the Run's row
            if time.monotonic() - self._told_at < TOLD_SECONDS:
                return
            values, self._untold, self._told_at = self._untold, {}, time.monotonic()
        if not values:
            return
        try:
            with self.fenced():
                Run.objects.filter(id=self.run_id).update(**values)
        except BaseException:
            with self._telling:
                self._untold = values | self._untold
            raise

    def check(self) -> None:
        """Raise when the Run was taken away or somebody asked to stop it."""
        if self.lost.is_set():
            raise LeaseLost
        if self.cancel.is_set():
            raise Cancelled

    def finish(self, state: str, *, error: str = "", outcome: dict[str, Any] | None = None) -> None:
        with self.fenced():
            self._end(state, error, outcome)

    def succeed(self) -> None:
        """Say in the fence one is in, as the last there is to do, that the Run has succeeded: it has when that fence commits."""
        self._end("succeeded")

    def _end(self, state: str, error: str = "", outcome: dict[str, Any] | None = None) -> None:
        if self.stages:
            self.stages[-1] = {"ended": moment.now().timestamp()} | self.stages[-1]
        values = self._untold | {"state": state, "error": error, "ended_at": moment.now(), "stages": self.stages}
        if outcome is not None:
            values["outcome"] = outcome
        Run.objects.filter(id=self.run_id).update(**values)
        self._fence.ending = state

    def _tell(self, **values: Any) -> None:
        self.check()
        with self._telling:
            self._untold |= values
        self.tell_waiting()


def claim(workspace_id: int, run_id: int) -> Work | None:
    """Take a Run, or None when it is taken, ended or gone."""
    with workspace_scope(workspace_id):
        free = Run.objects.filter(id=run_id, state="dispatched")
        claimed = free.update(
            state="running", lease=F("lease") + 1, attempts=F("attempts") + 1, started_at=moment.now(),
            lease_until=_lease_end(), host=settings.WORKER_HOST, stages=[], progress={}, error="",
        )  # fmt: skip
        return Work(workspace_id, Run.objects.get(id=run_id)) if claimed else None


def claim_next(queue: str) -> Work | None:
    """Take the Run of a queue that is next in fair order, of any workspace; None when none is due."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT workspace_id, id FROM claim_next_run(%s, %s, %s)",
            [queue, settings.LEASE_SECONDS, settings.WORKER_HOST],
        )
        found = cursor.fetchone()
    if found is None:
        return None
    with workspace_scope(found[0]):
        return Work(found[0], Run.objects.get(id=found[1]))


@contextmanager
def heartbeat(work: Work) -> Iterator[None]:
    """Renew the lease from a thread while the block runs; notice a lost lease and a wish to stop."""
    stop = threading.Event()
    beat = threading.Thread(target=copy_context().run, args=(_beat, work, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join(timeout=5)


def _beat(work: Work, stop: threading.Event) -> None:
    renewed = time.monotonic()
    try:
        while not stop.wait(min(TOLD_SECONDS, settings.LEASE_SECONDS / 10)):
            try:
                if time.monotonic() - renewed >= settings.LEASE_SECONDS / 10:
                    renewed = time.monotonic()
                    _renew(work)
                work.tell_waiting()
            except LeaseLost:
                continue  # the next renewal says whether it is so
            except Exception:
                logger.exception("run %s: the heartbeat failed", work.run_id)
                connection.close()
            if work.lost.is_set():
                return
    finally:
        connection.close()


def _renew(work: Work) -> None:
    with workspace_scope(work.workspace_id):
        mine = Run.objects.filter(id=work.run_id, lease=work.lease, state="running")
        if not mine.update(lease_until=_lease_end()):
            work.lost.set()
        elif mine.filter(cancel_requested=True).exists():
            work.cancel.set()


def _lease_end() -> Any:
    return Now() + timezone.timedelta(seconds=settings.LEASE_SECONDS)
