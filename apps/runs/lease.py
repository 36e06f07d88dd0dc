"""Holding a Run while working on it: claim, heartbeat, fence every write, finish."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from apps.runs.models import Run
from apps.workspaces.scope import workspace_scope

logger = logging.getLogger("einstein.runs")


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
        self.run_id, self.lease, self.kind = run.id, run.lease, run.kind
        self.subject_id, self.params = run.subject_id, run.params
        self.created_by_id = run.created_by_id
        self.lost = threading.Event()
        self.cancel = threading.Event()
        self._stages: list[dict[str, Any]] = []

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """A transaction in the Run's workspace that commits only while this lease is the newest."""
        with workspace_scope(self.workspace_id):
            held = Run.objects.select_for_update().filter(id=self.run_id, lease=self.lease, state="running")
            if not held.values_list("id", flat=True).first():
                raise LeaseLost
            yield

    def stage(self, name: str, detail: str = "") -> None:
        """Begin a stage: the one before is done. The same name again says how far it is."""
        if self._stages and self._stages[-1]["name"] == name:
            self._stages[-1]["detail"] = detail
        else:
            now = time.time()
            if self._stages:
                self._stages[-1].setdefault("ended", now)
            self._stages.append({"name": name, "detail": detail, "started": now})
        self._write(stages=self._stages)

    def progress(self, **counts: Any) -> None:
        """Replace the Run's progress with real counts."""
        self._write(progress=counts)

    def check(self) -> None:
        """Raise when the Run was taken away or somebody asked to stop it."""
        if self.lost.is_set():
            raise LeaseLost
        if self.cancel.is_set():
            raise Cancelled

    def finish(self, state: str, *, error: str = "", outcome: dict[str, Any] | None = None) -> None:
        if self._stages:
            self._stages[-1].setdefault("ended", time.time())
        with self.fenced():
            values = {"state": state, "error": error, "ended_at": timezone.now(), "stages": self._stages}
            if outcome is not None:
                values["outcome"] = outcome
            Run.objects.filter(id=self.run_id).update(**values)

    def _write(self, **values: Any) -> None:
        self.check()
        with self.fenced():
            Run.objects.filter(id=self.run_id).update(**values)


def claim(workspace_id: int, run_id: int) -> Work | None:
    """Take a Run, or None when it is taken, ended or gone."""
    with workspace_scope(workspace_id):
        free = Run.objects.filter(id=run_id, state="dispatched")
        claimed = free.update(
            state="running", lease=F("lease") + 1, attempts=F("attempts") + 1, started_at=timezone.now(),
            lease_until=_lease_end(), stages=[], progress={}, error="",
        )  # fmt: skip
        return Work(workspace_id, Run.objects.get(id=run_id)) if claimed else None


@contextmanager
def heartbeat(work: Work) -> Iterator[None]:
    """Renew the lease from a thread while the block runs; notice a lost lease and a wish to stop."""
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(work, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join(timeout=5)


def _beat(work: Work, stop: threading.Event) -> None:
    try:
        while not stop.wait(settings.LEASE_SECONDS / 10):
            try:
                _renew(work)
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
