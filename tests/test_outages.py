"""The database, the file store or room on the disk are away: work waits and is tried again, and says why."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta

import duckdb
import numpy as np
import pandas as pd
import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from apps.pipeline import story
from apps.runs import outages
from apps.runs.lease import claim_next
from apps.runs.models import Run
from apps.runs.queue import cancel, enqueue
from einstein import storage
from einstein.outages import NO_DATABASE, NO_DISK, NO_FILES, outage_of
from tests.servers import S3

KEY = "w/1/models/1/part.txt"


@pytest.fixture
def meets(monkeypatch):
    """Runs of the kind "score" meet this error; does the next one and returns it."""

    def do(error: Exception) -> Run:
        def fail(work) -> None:
            raise error

        monkeypatch.setitem(story.KINDS, "score", fail)
        Run.objects.update(due_at=timezone.now() - timedelta(minutes=1))
        work = claim_next("interactive")
        story.perform(work)
        return Run.objects.get(id=work.run_id)

    return do


@pytest.fixture
def full_disk(tmp_path):
    """A folder on a disk with no room left but a few kilobytes."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.fixture
def bucket(settings, monkeypatch):
    """Files go to a bucket of a real server."""
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
    server = S3().start()
    for name, value in {"ENDPOINT_URL": server.settings["endpoint"], "KEY": server.settings["access_key"], "SECRET": server.secret["secret_key"]}.items():  # fmt: skip
        monkeypatch.setenv(f"FSSPEC_S3_{name}", value)
    import fsspec.config

    fsspec.config.set_conf_env(fsspec.config.conf)
    settings.STORAGE_URL = f"s3://{server.settings['bucket']}/einstein"
    yield server
    fsspec.config.conf.pop("s3", None)
    server.stop()


def numbers() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(100_000, 4)), columns=list("abcd"))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OperationalError("server closed the connection"), NO_DATABASE),
        (InterfaceError("the connection is closed"), NO_DATABASE),
        (psycopg.errors.DiskFull("could not extend file"), NO_DISK),
        (storage.FilesAway("connection refused"), NO_FILES),
        (OSError(28, "No space left on device"), NO_DISK),
    ],
)
def test_a_run_that_meets_an_outage_waits_and_says_why(inside, meets, error, sentence):
    enqueue("score", 1)
    run = meets(error)
    assert (run.state, run.error, run.outages, run.attempts) == ("queued", sentence, 1, 0)
    assert timedelta(seconds=5) < run.due_at - timezone.now() <= timedelta(seconds=outages.WAITS[0])


def test_an_outage_that_stays_is_told_at_last(inside, meets):
    enqueue("score", 1)
    tries = [meets(OperationalError("away")) for _ in range(len(outages.WAITS) + 1)]
    assert [run.state for run in tries] == ["queued"] * len(outages.WAITS) + ["failed"]
    assert tries[-1].error == f"{NO_DATABASE} It was tried {len(outages.WAITS) + 1} times."


def test_after_an_outage_the_run_is_done_as_if_nothing_had_been(inside, meets, monkeypatch):
    enqueue("score", 1)
    meets(OperationalError("away"))
    Run.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    monkeypatch.setitem(story.KINDS, "score", lambda work: None)
    story.perform(claim_next("interactive"))
    assert Run.objects.values_list("state", "error", "attempts").get() == ("succeeded", "", 1)


def test_a_fault_of_ours_is_no_outage(inside, meets):
    enqueue("score", 1)
    run = meets(ZeroDivisionError("division by zero"))
    assert run.state == "failed" and "reference" in run.error


def test_a_run_that_somebody_stops_meanwhile_is_not_tried_again(inside, meets):
    run = enqueue("score", 1)
    meets(OperationalError("away"))
    cancel(run)
    assert Run.objects.get().state == "cancelled" and claim_next("interactive") is None


def test_what_a_library_says_of_a_full_disk_is_understood(full_disk):
    table = numbers()
    writers = {
        "pandas": lambda: table.to_csv(full_disk / "table.csv"),
        "parquet": lambda: table.to_parquet(full_disk / "table.parquet"),
        "duckdb": lambda: duckdb.sql(f"COPY (SELECT random() FROM range(1000000)) TO '{full_disk}/made.parquet'"),
        "arrow": lambda: __import__("pyarrow.parquet").parquet.write_table(
            __import__("pyarrow").Table.from_pandas(table), full_disk / "arrow.parquet"
        ),
    }
    for name, write in writers.items():
        with pytest.raises(Exception) as caught:  # noqa: B017, PT011 each library has its own
            write()
        assert outage_of(caught.value) == NO_DISK, name
        for file in full_disk.iterdir():
            file.unlink()


def test_a_file_that_does_not_fit_leaves_nothing_behind(full_disk, settings, tmp_path_factory):
    settings.STORAGE_URL, settings.DISK_FLOOR_BYTES = str(full_disk), -(2**40)  # it really fills
    big = tmp_path_factory.mktemp("big") / "big.bin"
    big.write_bytes(b"x" * 1_000_000)
    storage.put_bytes(b"before", KEY)
    with pytest.raises(OSError) as caught:  # noqa: PT011
        storage.put(big, KEY)
    assert outage_of(caught.value) == NO_DISK
    with storage.local_copy(KEY) as path:
        assert path.read_bytes() == b"before"
    assert shutil.disk_usage(full_disk).free > 200_000


def test_files_live_in_object_storage_as_in_a_folder(bucket, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "manifest.json").write_text("{}")
    storage.put_folder(tmp_path / "model", "w/1/models/7")
    storage.put_bytes(b"one", "w/1/models/8/part.txt")
    assert storage.all_keys() == ["w/1/models/7/manifest.json", "w/1/models/8/part.txt"]
    with storage.local_copy("w/1/models/7") as folder:
        assert (folder / "manifest.json").read_text() == "{}"
    assert storage.size_below("w/1") == 5
    storage.delete("w/1/models/7")
    storage.delete("w/1/models/7")
    assert storage.all_keys() == ["w/1/models/8/part.txt"]
    storage.probe()


def test_an_object_that_is_not_there_is_no_outage(bucket):
    with pytest.raises(FileNotFoundError), storage.local_copy("w/1/nothing.txt"):
        pass


def test_a_file_store_that_is_away_is_an_outage(bucket, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    storage.put_bytes(b"one", KEY)
    bucket.stop()
    for deed in (lambda: storage.put_bytes(b"two", KEY), lambda: storage.delete(KEY), lambda: storage.all_keys(), lambda: storage.local_copy(KEY).__enter__()):  # fmt: skip
        with pytest.raises(storage.FilesAway) as caught:
            deed()
        assert outage_of(caught.value) == NO_FILES


def test_a_page_that_meets_an_outage_says_so_and_when_to_come_again(client, owner, workspace, monkeypatch):
    client.force_login(owner)
    client.raise_request_exception = False

    def away(*args, **kwargs):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr("apps.workspaces.middleware.WorkspaceScope.__call__", away)
    page = client.get(f"/w/{workspace.slug}/")
    assert (page.status_code, page["Retry-After"]) == (503, "30")
    assert NO_DATABASE in page.content.decode() and "Nothing was changed" in page.content.decode()
    call = client.get("/api/v1/predictions/", HTTP_AUTHORIZATION="Bearer x")
    assert call.status_code == 503 and call["Content-Type"] == "application/problem+json"
    assert call.json()["code"] == "unavailable"


def test_that_page_asks_the_database_for_nothing(client, owner, workspace, monkeypatch, django_assert_num_queries):
    client.raise_request_exception = False
    monkeypatch.setattr(
        "apps.workspaces.middleware.WorkspaceScope.__call__", lambda *_: (_ for _ in ()).throw(OperationalError("away"))
    )
    connection.ensure_connection()
    with django_assert_num_queries(0):
        assert client.get("/accounts/login/").status_code == 503


def test_the_wait_grows_and_is_at_most_an_hour():
    assert sorted(outages.WAITS) == outages.WAITS and outages.WAITS[-1] <= 3600
