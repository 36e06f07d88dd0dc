"""Everything a workspace holds as one file to take away: its records as CSV, every row of every table, and every stored file."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from apps.datasets import chain
from apps.datasets.models import Dataset, Snapshot
from apps.datasets.records import newest_snapshot
from apps.runs.lease import Work, WorkFailed
from apps.runs.models import LIVE, Run
from apps.scoring.export import harmless_row
from apps.workspaces.models import Workspace
from apps.workspaces.scope import workspace_scope
from apps.workspaces.tenancy import tenant_models
from einstein import disk, storage

FOLDER = "exports"
SECRETS = ["sealed", "key_hash", "token_hash"]  # passwords of sources and destinations, marks of keys and invitations
PART = 2000
README = """Everything that {name} holds in Einstein, as of {when} UTC.

records/   the newest records of each dataset, as CSV
tables/    every row of every table, one JSON object a line: definitions, people, runs, scores, alerts, the log. Passwords are left out.
files/     every stored file as it is: uploads as they came, snapshots and scores of every run (Parquet), models (text, JSON and arrays)
"""


def export_workspace(work: Work) -> None:
    """Write the file; it is kept for a while (apps/pipeline/retention/exports.py). Safe to run twice: the same Run writes the same place."""
    _refuse_without_room(work.workspace_id)
    home = storage.key_for(work.workspace_id)
    keys = [key for key in storage.keys_below(home) if not key.startswith(f"{home}/{FOLDER}/")]
    with tempfile.TemporaryDirectory(prefix="einstein-export-") as folder:
        path = Path(folder) / "export.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            _write_readme(work, archive)
            _write_records(work, archive)
            _write_tables(work, archive)
            _write_files(work, archive, keys, home)
        target = f"{home}/{FOLDER}/{work.run_id}.zip"
        storage.put(path, target)
        size = path.stat().st_size
    with work.fenced():
        Run.objects.filter(id=work.run_id).update(outcome={"key": target, "bytes": size, "files": len(keys)})


def forget_exports(work: Work) -> None:
    """Remove what was written: it holds a record that is being erased. Raises `WorkFailed` while one is being written."""
    with work.fenced():
        runs = Run.objects.filter(kind="export", subject_id=work.workspace_id)
        if runs.filter(state__in=LIVE).exists():
            raise WorkFailed("Everything is being written into one file to take away. Try again when that is done.")
        storage.delete(storage.key_for(work.workspace_id, FOLDER))
        runs.update(outcome={})


def _write_readme(work: Work, archive: zipfile.ZipFile) -> None:
    with workspace_scope(work.workspace_id), connection.cursor() as cursor:
        cursor.execute("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')")
        archive.writestr("README.txt", README.format(name=Workspace.objects.get().name, when=cursor.fetchone()[0]))


def _write_records(work: Work, archive: zipfile.ZipFile) -> None:
    with workspace_scope(work.workspace_id):
        found = [(dataset, newest_snapshot(dataset)) for dataset in Dataset.objects.order_by("id")]
    for dataset, snapshot in found:
        if snapshot is not None:
            work.stage("Write records", dataset.name)
            with archive.open(f"records/{_plain(dataset.name)}-{dataset.id}.csv", "w", force_zip64=True) as out:
                for line in _lines(work, snapshot):
                    out.write(line.encode())


def _lines(work: Work, snapshot: Snapshot) -> Iterator[str]:
    with workspace_scope(work.workspace_id), chain.batches(snapshot) as found:
        yield "\ufeff" + _line(snapshot.field_names)
        for batch in found:
            work.check()
            for row in batch.to_pylist():
                yield _line(harmless_row([row[name] for name in snapshot.field_names]))


def _line(cells: list) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _write_tables(work: Work, archive: zipfile.ZipFile) -> None:
    for model in tenant_models():
        table = model._meta.db_table
        work.stage("Write tables", str(model._meta.verbose_name_plural))
        with archive.open(f"tables/{table}.jsonl", "w", force_zip64=True) as out:
            for row in _rows(work, table):
                out.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def _rows(work: Work, table: str) -> Iterator[dict]:
    last = 0
    while True:
        work.check()
        with workspace_scope(work.workspace_id), connection.cursor() as cursor:
            cursor.execute(
                f'SELECT t.id, to_jsonb(t) - %s::text[] FROM "{table}" t WHERE t.workspace_id = %s AND t.id > %s ORDER BY t.id LIMIT %s',
                [SECRETS, work.workspace_id, last, PART],
            )
            part = cursor.fetchall()
        if not part:
            return
        last = part[-1][0]
        yield from (json.loads(row) if isinstance(row, str) else row for _, row in part)


def _write_files(work: Work, archive: zipfile.ZipFile, keys: list[str], home: str) -> None:
    for number, key in enumerate(keys):
        work.check()
        work.progress(done=number, total=len(keys), unit="files")
        with storage.local_copy(key) as path:
            if path.exists():  # it may have been replaced meanwhile
                archive.write(path, f"files/{key.removeprefix(home).lstrip('/')}")


def _plain(name: str) -> str:
    return re.sub(r"\W+", "-", name).strip("-").lower()[:60] or "dataset"


def _refuse_without_room(workspace_id: int) -> None:
    """Raises `WorkFailed` when the disk would not hold the file twice."""
    size = storage.size_below(storage.key_for(workspace_id))
    if not disk.has_room(2 * size):
        raise WorkFailed("There is not enough room on the disk for the file. Ask your operator.")
