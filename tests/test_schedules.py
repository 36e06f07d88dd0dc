"""Planned times in the workspace's zone, once on both clock-change days."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from apps.pipeline.schedules import next_slot
from apps.predictions.models import Prediction

BERLIN = ZoneInfo("Europe/Berlin")


def slots(prediction: Prediction, start: datetime, count: int) -> list[datetime]:
    found = []
    for _ in range(count):
        start = next_slot(prediction, BERLIN, start)
        found.append(start)
    return found


@pytest.mark.parametrize("day", [datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)])
def test_a_daily_run_at_half_past_the_changed_hour_happens_once_a_day(day):
    prediction = Prediction(schedule="daily", schedule_hour=2)
    dates = [slot.astimezone(BERLIN).date() for slot in slots(prediction, day, 3)]
    assert len(set(dates)) == 3


def test_a_daily_run_stays_at_the_same_local_hour_through_the_clock_change():
    prediction = Prediction(schedule="daily", schedule_hour=6)
    assert {slot.astimezone(BERLIN).hour for slot in slots(prediction, datetime(2026, 3, 27, 12, tzinfo=UTC), 5)} == {6}


def test_weekly_and_hourly_and_no_schedule():
    start = datetime(2026, 11, 23, 12, 10, tzinfo=UTC)
    assert next_slot(Prediction(schedule="hourly"), BERLIN, start) == datetime(2026, 11, 23, 13, tzinfo=UTC)
    assert (
        next_slot(Prediction(schedule="weekly", schedule_weekday=2, schedule_hour=6), BERLIN, start)
        .astimezone(BERLIN)
        .weekday()
        == 2
    )
    assert next_slot(Prediction(schedule="none"), BERLIN, start) is None
