"""Receiving a file: kept as it came, then read in a worker."""

from __future__ import annotations

import secrets
from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from apps.datasets.lane import lane_of
from apps.datasets.models import Dataset, Upload
from apps.datasets.room import refuse_file
from apps.runs.models import Run
from apps.runs.queue import enqueue
from apps.workspaces import audit
from apps.workspaces.models import User
from apps.workspaces.scope import current_workspace_id
from einstein import disk, storage

KNOWN_ENDINGS = (".csv", ".tsv", ".txt", ".tab", ".xlsx", ".xlsm", ".xls", ".ods", ".json", ".jsonl", ".ndjson", ".parquet", ".pq",
                 ".gz", ".zip")  # fmt: skip


class UploadRefused(Exception):
    """Why a file is not even kept, as a sentence."""


def receive(file: UploadedFile, user: User, dataset: Dataset | None = None) -> tuple[Dataset, Run]:
    """Keep an uploaded file and queue its reading; without a dataset one is made, named after the file."""
    _refuse_unfit(file)
    with _on_disk(file) as path:
        return receive_path(path, file.name or "upload", user, dataset)


def receive_path(path: Path, filename: str, user: User | None, dataset: Dataset | None = None) -> tuple[Dataset, Run]:
    """The same for a file that is on disk already. Raises `QuotaReached` where it does not fit."""
    refuse_file(path.stat().st_size, dataset)
    if dataset is None:
        dataset = Dataset.objects.create(name=readable_name(filename), noun=noun_of(filename), owner=user)
    key = storage.key_for(current_workspace_id(), "datasets", dataset.id, "uploads", secrets.token_hex(8))
    storage.put(path, key)
    upload = Upload.objects.create(
        dataset=dataset, filename=Path(filename).name[:255], size=path.stat().st_size, storage_key=key, uploaded_by=user
    )
    audit.record(user, "file uploaded", dataset.name, file=upload.filename, bytes=upload.size)
    lane, params = lane_of(dataset.id, upload.size), {"upload": upload.id}
    run = enqueue("ingest", dataset.id, queue=lane, params=params, unique_key=f"ingest:{upload.id}", by=user)
    return dataset, run


def readable_name(filename: str) -> str:
    """ "telco_churn.csv" -> "Telco churn"."""
    stem = Path(filename).name.split(".")[0].replace("_", " ").replace("-", " ").strip()
    return (stem[:1].upper() + stem[1:])[:120] or "Table"


def noun_of(filename: str) -> str:
    """What one record is called, guessed from the file's name; "record" when nothing fits."""
    words = readable_name(filename).lower()
    nouns = {"churn": "customer", "customer": "customer", "lead": "lead", "invoice": "invoice", "payment": "invoice", "employee": "employee",
             "case": "case", "ticket": "case", "deal": "deal", "home": "home", "house": "home", "loan": "loan", "order": "order"}  # fmt: skip
    return next((noun for hint, noun in nouns.items() if hint in words), "record")


def _refuse_unfit(file: UploadedFile) -> None:
    limit = settings.UPLOAD_LIMIT_BYTES
    if not file.size:
        raise UploadRefused(f"{file.name} is empty. Export it again and check that it holds records.")
    if file.size > limit:
        raise UploadRefused(
            f"{file.name} has {file.size / 1024**2:,.0f} MB; {limit / 1024**2:,.0f} MB is the limit. Split it or pack it as .gz."
        )
    if not (file.name or "").lower().endswith(KNOWN_ENDINGS):
        raise UploadRefused(f"{file.name} is not a table we know. Send CSV, TSV, Excel, JSON lines or Parquet.")
    if not disk.has_room(3 * file.size):
        raise UploadRefused("There is no room for this file right now. Your operator has to free disk space.")


class _on_disk:  # noqa: N801 a context manager read like a function
    """The uploaded file as a path; Django's temporary file is used as it is."""

    def __init__(self, file: UploadedFile) -> None:
        self.file = file

    def __enter__(self) -> Path:
        return Path(self.file.temporary_file_path())

    def __exit__(self, *_: object) -> None:
        self.file.close()
