"""Whether there is room for what comes: records and bytes of the workspace's quotas, and how much may wait to be read."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from apps.datasets.models import Dataset, PushedBatch, Snapshot
from apps.runs.lease import WorkFailed
from apps.runs.models import LIVE, Run
from apps.workspaces.quotas import QuotaReached, require
from einstein.web.problems import TooMuch

MOST_WAITING = 2000  # batches of one dataset: a clock that works takes them in within minutes
COME_AGAIN_SECONDS = 60


def refuse_file(size: int, dataset: Dataset | None) -> None:
    """Raise `TooMuch` unless a file fits. Into a dataset that has records it may bring fewer than before, which only its reading tells."""
    waiting = Run.objects.filter(kind="ingest", state__in=LIVE).count()
    if waiting >= settings.UPLOADS_AT_ONCE:
        raise TooMuch(f"{waiting:,} files wait to be read already. Upload this one when they are.", COME_AGAIN_SECONDS)
    require("stored_bytes", size)
    if dataset is None:
        require("records")


def refuse_batch(dataset: Dataset, size: int) -> None:
    """Raise `TooMuch` unless a batch that another program sends fits."""
    waiting = PushedBatch.objects.filter(dataset=dataset, state="waiting").count()
    if waiting >= MOST_WAITING:
        raise TooMuch(f"{waiting:,} batches wait to be taken in already. Send this one later.", COME_AGAIN_SECONDS)
    require("stored_bytes", size)
    require("records")


def refuse_when_full() -> None:
    """Raise `WorkFailed` before a source is read for nothing, when not one byte more may be stored."""
    try:
        require("stored_bytes")
    except QuotaReached as full:
        raise WorkFailed(f"{full} The records read before stay in use.") from full


def refuse_snapshot(before: Snapshot | None, rows: int, path: Path) -> None:
    """Raise `WorkFailed` unless what was read fits. Fewer records than before always do."""
    grown = rows - (before.rows if before else 0)
    try:
        if grown > 0:
            require("records", grown)
        require("stored_bytes", path.stat().st_size)
    except QuotaReached as full:
        raise WorkFailed(f"{full} The records read before stay in use." if before else str(full)) from full
