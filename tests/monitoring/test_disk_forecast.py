"""When a disk is full: arithmetic that holds for any disk, and a word to the operators in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from apps.monitoring import disk as watched
from apps.monitoring.disk import bytes_by_kind, disks, note_today
from apps.monitoring.forecast import LEAST_DAYS, forecast
from apps.monitoring.installation import check_installation
from apps.monitoring.models import DiskDay, OperatorIncident
from apps.outbox.models import AccountMessage
from einstein.disk import Space

GB = 1e9
histories = st.lists(st.floats(0, 1e12), min_size=LEAST_DAYS, max_size=40).map(lambda sizes: list(enumerate(sizes)))


@given(st.integers(LEAST_DAYS, 60), st.floats(1e6, 1e11), st.floats(1, 700))
def test_even_growth_is_told_exactly(days, rate, left):
    found = forecast([(day, 1e9 + day * rate) for day in range(days)], rate * left)
    assert found.about == pytest.approx(left, rel=1e-3)
    assert found.earliest == pytest.approx(left, rel=1e-3) and found.latest == pytest.approx(left, rel=1e-3)
    assert all(growth == pytest.approx(rate, rel=1e-3) for growth in found.growth.values())


@given(histories, st.floats(0, 1e13))
def test_what_is_about_true_lies_between_the_earliest_and_the_latest(used, free):
    found = forecast(used, free)
    never = float("inf")
    earliest, about, latest = (never if days is None else days for days in (found.earliest, found.about, found.latest))
    assert 0 <= earliest <= about <= latest
    assert found.words.endswith(".") and "None" not in found.words and "nan" not in found.words


@given(histories, st.floats(1e6, 1e13), st.integers(2, 1000))
def test_it_does_not_depend_on_the_unit(used, free, factor):
    one, other = forecast(used, free), forecast([(day, size * factor) for day, size in used], free * factor)
    assert (one.about is None) == (other.about is None)
    assert one.about is None or other.about == pytest.approx(one.about, rel=1e-6)


@given(histories, st.floats(0, 1e12), st.floats(0, 1e12))
def test_more_room_never_makes_it_full_earlier(used, free, more):
    never = float("inf")
    one, other = (
        found.about if found.about is not None else never
        for found in (forecast(used, free), forecast(used, free + more))
    )
    assert other >= one


@given(st.lists(st.floats(0, 1e12), max_size=LEAST_DAYS - 1))
def test_a_few_days_tell_nothing_and_that_is_said(sizes):
    found = forecast(list(enumerate(sizes)), 1e9)
    assert found.about is None and found.words == f"Not enough days yet to tell when it is full: {len(sizes)} {'day' if len(sizes) == 1 else 'days'} of 7."  # fmt: skip


def test_one_clean_up_or_one_large_upload_does_not_bend_it():
    even = [(day, 50 * GB + day * GB) for day in range(30)]
    jumped = [(day, size + (20 * GB if day > 26 else 0)) for day, size in even]
    assert forecast(jumped, 100 * GB).growth[30] == pytest.approx(GB, rel=0.15)


@pytest.mark.parametrize(
    ("rate", "free", "words"),
    [
        (1, 49, "At this rate the disk is full in about 7 weeks (between 7 and 7)."),
        (1, 1, "At this rate the disk is full in about 1 day (between 1 and 1)."),
        (1, 400, "At this rate the disk is full in about 13 months (between 13 and 13)."),
        (0, 49, "At this rate it is not full within two years."),
        (-1, 49, "At this rate it is not full within two years."),
    ],
)
def test_it_is_told_in_a_plain_sentence(rate, free, words):
    assert forecast([(day, (100 + day * rate) * GB) for day in range(20)], free * GB).words == words


@pytest.fixture
def room(monkeypatch):
    """Set how much is free of a disk of 100 GB."""

    def leave(free: float) -> None:
        monkeypatch.setattr(watched.disk, "spaces", lambda: {"files": Space(int(free * GB), int(100 * GB))})

    return leave


def past(*free: float) -> None:
    """Days until yesterday, the oldest first."""
    today = timezone.now().date()
    for back, gigabytes in enumerate(reversed(free), start=1):
        DiskDay.objects.create(
            day=today - timedelta(days=back), places={"files": [gigabytes * GB, 100 * GB]}, kinds={"uploads": 1}
        )


def test_a_day_is_one_row_however_often_it_is_looked_at(dataset, room):
    room(50)
    first = note_today()
    room(40)
    second = note_today()
    assert DiskDay.objects.count() == 1 and second.places == {"files": [40 * GB, 100 * GB]}
    assert first.kinds["uploads"] > 0 and first.kinds["snapshots"] > 0 and second.kinds["database"] > 1e6
    assert bytes_by_kind().keys() >= {"uploads", "snapshots"}


@pytest.mark.parametrize(("free", "before"), [(9, ()), (26, (46, 44, 42, 40, 38, 36, 34, 32, 30, 28))])
def test_operators_hear_once_when_little_is_left_or_two_weeks_and_once_when_it_is_over(
    db, operator, settings, room, free, before
):
    settings.GROUPING_SECONDS = 0
    past(*before)
    room(free)
    note_today()
    for _ in range(2):
        check_installation()
    assert [mail.subject for mail in AccountMessage.objects.all()] == ["A disk is filling up"]
    assert f"has {free}% left." in OperatorIncident.objects.get().sees
    DiskDay.objects.all().delete()
    room(90)
    check_installation()
    assert OperatorIncident.objects.get().resolved_at is None  # it may come and go
    OperatorIncident.objects.update(good_since=timezone.now() - timedelta(hours=2))
    check_installation()
    assert OperatorIncident.objects.get().resolved_at is not None
    assert AccountMessage.objects.count() == 2


def test_a_disk_with_room_for_long_is_no_fault(db, room):
    past(*(60 - day * 0.1 for day in range(20)))
    room(58)
    check_installation()
    assert not OperatorIncident.objects.exists() and not disks()[0].is_filling
