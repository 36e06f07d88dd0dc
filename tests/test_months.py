"""A month of a workspace begins and ends at its own midnight, wherever it is and whatever its clocks do."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from apps.workspaces.months import begin_of, month_after, month_of

ZONES = some.sampled_from(sorted(zoneinfo.available_timezones() - {"localtime"})).map(zoneinfo.ZoneInfo)
MOMENTS = some.datetimes(datetime(2024, 1, 1), datetime(2060, 1, 1), timezones=some.just(UTC))


@given(MOMENTS, ZONES)
def test_every_moment_lies_in_the_month_it_is_said_to(at, zone):
    month = month_of(at, zone)
    assert begin_of(month, zone) <= at < begin_of(month_after(month), zone)


@given(some.dates(date(2024, 1, 1), date(2060, 1, 1)), ZONES)
def test_months_follow_each_other_without_a_gap(day, zone):
    month = day.replace(day=1)
    end = begin_of(month_after(month), zone)
    assert month_of(end, zone) == month_after(month)
    assert month_of(end - timedelta(seconds=1), zone) == month


@pytest.mark.parametrize(
    ("zone", "begin"),
    [("Europe/Berlin", "2026-10-31T23:00"), ("Pacific/Kiritimati", "2026-10-31T10:00"), ("America/Los_Angeles", "2026-11-01T07:00")],
    ids=["an hour before UTC", "fourteen hours before", "after UTC, on the day before the clocks change"],
)  # fmt: skip
def test_november_begins_at_local_midnight(zone, begin):
    assert begin_of(date(2026, 11, 1), zoneinfo.ZoneInfo(zone)) == datetime.fromisoformat(begin).replace(tzinfo=UTC)


def test_december_is_followed_by_january():
    assert month_after(date(2026, 12, 1)) == date(2027, 1, 1)
