"""Files that no row speaks of go after a day; whatever a row speaks of stays, however old."""

from __future__ import annotations

import os
import time
from datetime import timedelta

import pytest

from apps.outbox.models import Sending
from apps.pipeline.sweep import sweep, sweep_incoming
from apps.runs.models import Run
from apps.workspaces.scope import workspace_scope
from einstein import storage


@pytest.fixture
def long_ago():
    """Make all stored files two days old."""

    def age() -> None:
        for key in storage.all_keys():
            with storage.local_copy(key) as path:
                os.utime(path, (time.time() - 2 * 86400,) * 2)

    return age


def test_a_workspace_in_full_use_loses_nothing(scored, inside, long_ago):
    long_ago()
    before = storage.keys_below(storage.key_for(inside.id))
    assert len(before) > 5
    assert sweep(inside.id) == 0
    assert storage.keys_below(storage.key_for(inside.id)) == before


@pytest.mark.parametrize(
    "place",
    ["datasets/9/snapshots/1-2-3.parquet", "models/9/1-1/model.txt", "scores/9/1-1.parquet", "watches/9/1-ab.zip"],
)
def test_what_a_killed_worker_left_goes(scored, inside, stored, long_ago, place):
    key = stored(place)
    assert sweep(inside.id) == 0  # it may be about to be named
    long_ago()
    assert sweep(inside.id) == 1
    assert key not in storage.all_keys()
    assert sweep(inside.id) == 0


def test_what_was_left_while_it_was_being_written_goes(inside, stored, long_ago):
    with storage.local_copy(stored("models/9/a")) as path:
        partial = path.rename(path.with_name("a.partial-77"))
    os.utime(partial, (time.time() - 2 * 86400,) * 2)
    assert sweep(inside.id) == 1 and not partial.exists()


def test_files_of_a_write_that_can_be_undone_stay_until_its_row_is_gone(inside, stored, long_ago):
    before, fresh, parcel = (
        stored("deliveries/1/5-before"),
        stored("deliveries/1/5-1/fresh.parquet"),
        stored("exports/1.zip"),
    )
    made = Sending.objects.create(
        destination_id=1, subject_id=1, event="scores", event_id="e", dedupe_key="d", facts={"before": before}, outcome={"deep": [{"fresh": fresh}]}
    )  # fmt: skip
    Run.objects.create(kind="export", subject_id=1, outcome={"key": parcel})
    long_ago()
    assert sweep(inside.id) == 0
    made.delete()
    assert sweep(inside.id) == 2
    assert parcel in storage.all_keys()


def test_files_of_another_workspace_are_not_looked_at(inside, elsewhere, stored, long_ago):
    with workspace_scope(elsewhere.id):
        theirs = stored("models/9/a")
    long_ago()
    assert sweep(inside.id) == 0 and theirs in storage.all_keys()


def test_a_file_whose_age_is_not_known_stays():
    assert storage._stored_at({}) > time.time()
    assert storage._stored_at({"LastModified": "2026-01-01T00:00:00+00:00"}) < time.time()


def test_a_blank_key_never_means_the_whole_store(inside, stored):
    stored("a")
    with pytest.raises(ValueError, match="blank"):
        storage.delete("")
    assert storage.keys_older_than(storage.key_for(inside.id), timedelta(seconds=-5))


def test_uploads_that_a_killed_web_process_left_go_after_a_day(settings, tmp_path):
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    for name, days in (("old.upload", 2), ("new.upload", 0)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (time.time() - days * 86400,) * 2)
    assert sweep_incoming() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["new.upload"]
