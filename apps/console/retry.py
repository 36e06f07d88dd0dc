"""Taking failed Runs up again: the same work under the same unique key, where doing it twice does no harm."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models.functions import Now

from apps.console.failures import ALL_DAY, SUBJECTS, Failed, failing_runs
from apps.console.log import note_in_workspace
from apps.predictions.models import ModelVersion
from apps.runs.models import Run
from apps.runs.queue import enqueue
from apps.workspaces.models import User
from apps.workspaces.scope import workspace_scope

AT_ONCE = 500  # of one click; a page may take some seconds


class NotRetried(Exception):
    """Why a Run is not taken up again, as a sentence for the operator."""


def retry(operator: User, workspace_id: int, run_id: int) -> Run:
    """Queue a failed Run's work again. Raises `NotRetried`."""
    with workspace_scope(workspace_id):
        failed = Run.objects.select_for_update().filter(id=run_id).first()
        _refuse(failed, run_id)
        note_in_workspace(operator, "failed run retried", f"{failed.kind}, run {run_id}", workspace_id)
        if failed.state == "queued":  # it waits out an outage that has ended
            Run.objects.filter(id=run_id).update(due_at=Now())
            return failed
        if failed.kind == "train":  # a version that failed is trained again as the same version
            ModelVersion.objects.filter(id=failed.subject_id, state="failed").update(state="training", failure="")
        return enqueue(
            failed.kind, failed.subject_id, queue=failed.queue, params=failed.params, unique_key=failed.unique_key
        )


def retry_cause(operator: User, kind: str, cause: str) -> tuple[int, int, int]:
    """Take up the failing Runs of one kind and cause; (how many, how many were left because their subject is gone, how many are for the next time)."""
    found = [one for one in failing_runs(ALL_DAY) if (one.kind, one.cause.key) == (kind, cause)]
    return *_retry_all(operator, found[:AT_ONCE]), len(found[AT_ONCE:])


def _retry_all(operator: User, failing: Iterable[Failed]) -> tuple[int, int]:
    done, left = 0, 0
    seen: set[tuple[int, int]] = set()
    for one in failing:
        try:
            again = retry(operator, one.workspace_id, one.run_id)
        except NotRetried:
            left += 1
        else:
            seen.add((one.workspace_id, again.id))
            done = len(seen)
    return done, left


def _refuse(failed: Run | None, run_id: int) -> None:
    if failed is None or not (failed.state == "failed" or failed.state == "queued" and failed.outages):
        raise NotRetried(f"Run {run_id} has not failed, or is gone.")
    if failed.kind not in SUBJECTS:
        raise NotRetried(f"Run {run_id} is not safe to repeat from here. Whoever asked for it can ask again.")
    subject = SUBJECTS[failed.kind].objects.filter(id=failed.subject_id).first()
    if subject is None or getattr(subject, "state", "") in {"deleted", "archived"}:
        raise NotRetried(f"What run {run_id} was about was deleted.")
    if Run.objects.filter(kind=failed.kind, subject_id=failed.subject_id, id__gt=run_id, state="succeeded").exists():
        raise NotRetried(f"A later run has done the work of run {run_id}.")
