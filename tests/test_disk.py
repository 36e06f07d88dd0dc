"""A disk that is nearly full refuses what is new in plain words; nothing is lost or half written, and work goes on once there is room."""

from __future__ import annotations

import errno
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError
from django.urls import reverse

from apps.datasets.models import Dataset, PushedBatch, Snapshot, Upload
from apps.pipeline import story
from apps.pipeline.tasks import perform
from apps.predictions.models import ModelVersion
from apps.runs.models import Run
from apps.workspaces.api_keys import create_key
from einstein import disk, storage
from tests.conftest import TELCO


@pytest.fixture
def full(settings):
    """No disk holds as much as the floor asks for."""

    def fill(is_full: bool = True) -> None:
        settings.DISK_FLOOR_BYTES = 2**62 if is_full else 0

    fill()
    return fill


def send(client, workspace, **headers):
    with TELCO.open("rb") as file:
        return client.post(reverse("upload", args=[workspace.slug]), {"file": file}, headers=headers)


def test_a_file_is_refused_before_it_is_received(client, inside, owner, full):
    client.force_login(owner)
    answer = send(client, inside, **{"X-Requested-With": "XMLHttpRequest"})
    assert (answer.status_code, answer.json()) == (503, {"error": disk.LATER})
    assert "no room on this installation" in send(client, inside).content.decode()
    assert not Dataset.objects.exists()
    full(False)
    assert "location" in send(client, inside).json()


def test_a_training_is_refused_and_no_version_is_begun(client, draft, inside, owner, full):
    client.force_login(owner)
    client.raise_request_exception = False
    answer = client.post(reverse("train_again", args=[inside.slug, draft.id]))
    assert answer.status_code == 503 and disk.NO_ROOM in answer.content.decode()
    assert not ModelVersion.objects.exists()


def test_records_by_rest_are_refused_as_a_problem(client, dataset, inside, owner, full):
    _, plain = create_key(owner, "Ours", "send")
    Dataset.objects.filter(id=dataset.id).update(key_field="customerID")
    client.raise_request_exception = False
    url = f"/api/v1/datasets/{dataset.id}/records"
    answer = client.post(url, {"records": [{"customerID": "1"}]}, "application/json", headers={"Authorization": f"Bearer {plain}"})  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["detail"].startswith(disk.NO_ROOM)
    assert not PushedBatch.objects.exists()


@pytest.fixture
def waiting_upload(client, inside, owner, settings):
    """An upload whose reading is handed to a worker."""
    settings.LEASE_SECONDS = 36_000
    client.force_login(owner)
    send(client, inside)
    Run.objects.update(state="dispatched")
    return Run.objects.get()


def test_work_waits_for_room_and_goes_on_by_itself(inside, waiting_upload, full, perform_runs):
    for _ in range(5):  # more often than work that breaks off is tried
        perform(inside.id, waiting_upload.id)
        waiting_upload.refresh_from_db()
        assert (waiting_upload.state, waiting_upload.attempts) == ("queued", 0)
        assert waiting_upload.stages[0]["name"] == "Wait for room on the disk"
        Run.objects.update(state="dispatched")
    Run.objects.update(state="queued")
    full(False)
    perform_runs()
    assert Snapshot.objects.get().upload == Upload.objects.get()


@pytest.mark.parametrize("moment", ["at the start", "half way", "in the database", "in a library"])
def test_a_disk_that_fills_half_way_loses_nothing(inside, waiting_upload, monkeypatch, moment, perform_runs):
    def fills(*_: object, **__: object) -> None:
        if moment == "in the database":
            raise OperationalError from psycopg.errors.DiskFull("could not extend file")
        if moment == "in a library":
            raise RuntimeError("IO Error: Could not write: No space left on device")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        if moment == "half way":
            patched.setattr(storage, "put", fills)
        else:
            patched.setitem(story.KINDS, "ingest", fills)
        perform(inside.id, waiting_upload.id)
    waiting_upload.refresh_from_db()
    assert waiting_upload.state == "queued" and waiting_upload.error and not Snapshot.objects.exists()
    perform_runs()
    assert Snapshot.objects.count() == 1


def test_erasing_goes_on_without_room_because_it_makes_some(inside, full, tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    with pytest.raises(disk.NoRoom):
        storage.put(tmp_path / "a", storage.key_for(inside.id, "a"))
    storage.put(tmp_path / "a", storage.key_for(inside.id, "a"), to_the_last=True)
    assert not [key for key in storage.all_keys() if ".partial" in key]
    storage.probe()  # pages are served all the same


def test_one_disk_is_told_once_and_files_elsewhere_are_not_ours(settings, tmp_path):
    assert list(disk.places()) == ["files"]
    settings.STORAGE_URL = "memory://files"
    assert disk.local_store() is None and "files" not in disk.places()
    settings.STORAGE_URL = str(tmp_path / "not" / "there")
    assert disk.places()["files"] == tmp_path and isinstance(disk.local_store(), Path)
