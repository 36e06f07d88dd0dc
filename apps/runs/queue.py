"""Putting work into the queue, taking it back, and handing due work to django-q in fair order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django_q.models import OrmQ
from django_q.tasks import async_task

from apps.runs.models import LIVE, Run
from apps.workspaces.models import User
from einstein.postgres import moment

IN_HAND_PER_WORKER = 2
UNCLAIMED_SECONDS = 30
MOST_ATTEMPTS = 3


def enqueue(
    kind: str,
    subject_id: int,
    *,
    queue: str = "interactive",
    params: dict[str, Any] | None = None,
    unique_key: str | None = None,
    due_at: datetime | None = None,
    by: User | None = None,
) -> Run:
    """Queue one piece of work in the current transaction.

    With a `unique_key`, a live Run of that key is returned instead; one that waits for a later time is brought forward to this one.
    """
    values = {"kind": kind, "subject_id": subject_id, "queue": queue, "params": params or {}, "unique_key": unique_key}
    try:
        with transaction.atomic():
            return Run.objects.create(due_at=due_at or moment.now(), created_by=by, **values)
    except IntegrityError:
        due = due_at or moment.now()
        Run.objects.filter(unique_key=unique_key, state="queued", due_at__gt=due).update(due_at=due)
        return Run.objects.get(unique_key=unique_key, state__in=LIVE)


def enqueue_each(kind: str, keys: dict[int, str], queue: str) -> None:
    """Queue one piece of work for each subject in the current transaction, all at once; `keys` gives the unique key of each. What is live stays."""
    now = moment.now()
    runs = [
        Run(kind=kind, subject_id=subject, queue=queue, unique_key=key, due_at=now) for subject, key in keys.items()
    ]
    Run.objects.bulk_create(runs, ignore_conflicts=True)


def cancel(run: Run) -> None:
    """Stop a Run: at once when no worker has it, else at the worker's next heartbeat."""
    now = moment.now()
    if not Run.objects.filter(id=run.id, state__in=["queued", "dispatched"]).update(state="cancelled", ended_at=now):
        Run.objects.filter(id=run.id, state="running").update(cancel_requested=True)


def latest(kind: str, subject_id: int) -> Run | None:
    return Run.objects.filter(kind=kind, subject_id=subject_id).order_by("-created_at", "-id").first()


def dispatch_due(queue: str) -> int:
    """Hand due Runs of one queue to django-q, at most two per worker at a time; return how many."""
    room = IN_HAND_PER_WORKER * settings.WORKERS[queue]
    # Rows that are locked are in the hands of a worker group, or of a part of it that was killed with them. Handing a Run over
    # twice does no harm: it is claimed once.
    waiting = OrmQ.objects.filter(key=queue, lock__lte=Now())[:room].count()
    if waiting == room:
        return 0  # Whoever takes one goes on with what is due, so it is a call to work. More would outlive the work.
    with transaction.atomic(), connection.cursor() as cursor:
        # What was handed over, no longer waits in the broker and was claimed by nobody was lost with a killed worker.
        cursor.execute(
            "SELECT workspace_id, id FROM dispatch_runs(%s, %s, %s)",
            [queue, room, None if waiting else UNCLAIMED_SECONDS],
        )
        handed = cursor.fetchall()
        for workspace_id, run_id in handed:
            async_task("apps.pipeline.tasks.perform", workspace_id, run_id, queue, cluster=queue)
    return len(handed)


def recover_expired() -> list[tuple[int, int, str]]:
    """Take back Runs whose worker stopped its heartbeat: queue them again, or fail them at the third time.

    Returns (workspace id, run id, new state) of each.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, id, state FROM recover_runs(%s)", [MOST_ATTEMPTS])
        return cursor.fetchall()
