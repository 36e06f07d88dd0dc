"""Backups by the clock: made once, rehearsed, thinned out, and their absence is told."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from django.db.models.functions import Now
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from apps.console import backup_schedule
from apps.console.backup import BackupFailed, Facts
from apps.console.backup_schedule import ONE_AT_A_TIME, back_up_when_due
from apps.console.thin_out import kept, thin_out
from apps.monitoring.installation import check_installation
from apps.monitoring.models import OperatorIncident, ScheduledBackup
from apps.pipeline.clean import clean_due
from apps.pipeline.clock import duties_above
from einstein.postgres.file_lock import files_stay

moments = st.lists(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)), unique=True, max_size=60
)


@pytest.fixture
def folder(db, settings, tmp_path):
    settings.BACKUP_FOLDER, settings.BACKUP_HOURS = str(tmp_path / "backups"), 24
    return tmp_path / "backups"


@pytest.fixture
def quick(folder, monkeypatch):
    """Making one takes no time; `quick(problem)` lets it fail."""

    def set_up(problem: str = "") -> None:
        def make(where: Path) -> Path:
            if problem:
                raise BackupFailed(problem)
            made = where / f"einstein-{timezone.now():%Y%m%d}-{len(list(where.glob('*'))):06d}"
            made.mkdir(parents=True)
            return made

        monkeypatch.setattr(backup_schedule, "back_up", make)
        monkeypatch.setattr(backup_schedule, "rehearse", lambda _: Facts("", {"a": 3}, {"k": "x"}, [], bytes=10))

    set_up()
    return set_up


def ago(hours: float, **which) -> None:
    ScheduledBackup.objects.filter(**which).update(started_at=Now() - timedelta(hours=hours))


def faults() -> set[str]:
    return {
        kind
        for kind in OperatorIncident.objects.filter(resolved_at=None).values_list("kind", flat=True)
        if "backup" in kind
    }


def test_one_is_made_when_it_is_due_and_not_before(quick):
    first = back_up_when_due()
    assert first.is_good and (first.rows, first.files, first.bytes) == (3, 1, 10)
    assert back_up_when_due() is None
    ago(23.9)
    assert back_up_when_due() is None
    ago(24.1)
    assert back_up_when_due().is_good


def test_without_a_folder_none_is_made_and_nothing_is_told(db, settings):
    settings.BACKUP_FOLDER = ""
    assert back_up_when_due() is None
    check_installation()
    assert faults() == set()


def test_one_that_failed_is_told_and_tried_again_in_an_hour(quick):
    quick("pg_dump fell over")
    assert back_up_when_due().problem == "pg_dump fell over"
    check_installation()
    assert faults() == {"backup_failed"}
    assert back_up_when_due() is None
    ago(1.1)
    quick()
    assert back_up_when_due().is_good
    check_installation()
    assert faults() == set()


def test_while_another_one_is_made_the_failure_before_stays_told(quick):
    ScheduledBackup.objects.create(ended_at=Now(), problem="No.")
    check_installation()
    ScheduledBackup.objects.create()
    check_installation()
    assert faults() == {"backup_failed"}


def test_that_the_last_good_one_is_old_is_told(quick):
    back_up_when_due()
    ago(47)
    check_installation()
    assert faults() == set()
    ago(49)
    check_installation()
    assert faults() == {"backup_old"}


def test_that_there_never_was_a_good_one_is_told(quick):
    ScheduledBackup.objects.create()  # broke off with its clock
    check_installation()
    assert faults() == set()
    ago(49)
    check_installation()
    assert OperatorIncident.objects.get(kind="backup_old").sees == "There has never been a good one."
    assert back_up_when_due().is_good


def test_several_clocks_make_one(quick, settings):
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [ONE_AT_A_TIME])
        assert back_up_when_due() is None
    assert back_up_when_due().is_good


def test_a_disk_without_room_for_it_is_left_alone_in_words(quick, settings):
    settings.DISK_FLOOR_BYTES = 2**62
    assert "GB left; the backup needs about" in back_up_when_due().problem


def test_a_clock_without_the_owners_address_says_so(quick, settings):
    settings.DATABASE_OWNER_URL = ""
    assert "Set DATABASE_OWNER_URL" in back_up_when_due().problem


@given(moments)
def test_what_is_kept_holds_the_newest_seven_days_and_four_weeks(found):
    stay = kept(found)
    assert len(stay) <= 11 and stay <= set(found)
    if found:
        assert max(found) in stay
        newest_days = sorted({one.date() for one in found}, reverse=True)[:7]
        assert {one.date() for one in stay} >= set(newest_days)
    assert len({one.isocalendar()[:2] for one in stay}) >= min(4, len({one.isocalendar()[:2] for one in found}))


def test_earlier_ones_are_removed_and_what_people_put_there_stays(quick, folder):
    for days in range(60):
        path = folder / f"einstein-{timezone.now() - timedelta(days=days):%Y%m%d}-030000"
        path.mkdir(parents=True)
        ScheduledBackup.objects.create(
            folder=str(path), started_at=timezone.now() - timedelta(days=days), ended_at=Now()
        )
    (folder / "einstein-20200101-000000").mkdir()  # by hand
    (folder / "photos").mkdir()
    left_over = folder / ".einstein-20260101-000000.partial-abcdef"
    left_over.mkdir()
    os.utime(left_over, (0, 0))
    assert thin_out() == 60 - ScheduledBackup.objects.filter(removed_at=None).count()
    there = sorted(path.name for path in folder.iterdir())
    assert "photos" in there and "einstein-20200101-000000" in there and left_over.name not in there
    assert 9 <= ScheduledBackup.objects.filter(removed_at=None).count() <= 11 and len(there) <= 13
    assert thin_out() == 0


def test_a_real_one_is_made_rehearsed_and_comes_back(running_empty):
    made = running_empty
    assert made.problem == "" and made.is_good and made.rows > 0
    assert (Path(made.folder) / "backup.json").exists()


@pytest.fixture
def running_empty(folder):
    """The tests' own database, as it is outside of this test."""
    return back_up_when_due()


def test_files_stay_while_a_backup_is_made(workspace, settings):
    with files_stay(settings.DATABASE_OWNER_URL):
        assert clean_due() == 0
    assert clean_due() == 1


def test_the_clock_finds_the_duties_of_rooms_above_it():
    assert [name for name, _, _ in duties_above()] == ["backup"]
