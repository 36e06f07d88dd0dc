"""Reading an upload: bytes as received become a table of strings, which is then taken in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from apps.datasets.arrival import Arrived, Taken
from apps.datasets.intake import take_in
from apps.datasets.models import HeldTable, Snapshot, Upload
from apps.runs.lease import Work, WorkFailed
from apps.workspaces.scope import workspace_scope
from einstein import storage
from einstein.ml.errors import DataProblem
from einstein.ml.reader import ReadReport, read_to_parquet


def ingest(work: Work, needed: Iterable[str] = ()) -> Taken:
    """Read one upload. Safe to run twice: an upload has at most one snapshot, or is held once."""
    with workspace_scope(work.workspace_id):
        upload = Upload.objects.select_related("dataset").get(id=work.params["upload"])
        if Snapshot.objects.filter(upload=upload).exists() or HeldTable.objects.filter(upload=upload).exists():
            return Taken("unchanged")
    work.stage(f"Read {upload.filename}")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "table.parquet"
        report = _read(upload, target)
        taken = take_in(work, upload.dataset_id, Arrived(target, report, upload.filename, upload=upload), needed)
    if taken.left_out:
        with workspace_scope(work.workspace_id):
            Upload.objects.filter(id=upload.id).update(storage_key="")
        storage.delete(upload.storage_key)  # it holds what was erased
    return taken


def _read(upload: Upload, target: Path) -> ReadReport:
    try:
        with storage.local_copy(upload.storage_key) as path:
            return read_to_parquet(path, target, upload.filename)
    except DataProblem as problem:
        raise WorkFailed(f"{upload.filename} could not be used. {problem}") from problem
