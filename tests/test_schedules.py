"""Planned times in the workspace's zone, once on both clock-change days."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.pipeline.checks import a_spread_start_is_not_late
from apps.pipeline.schedules import jitter, next_slot
from apps.pipeline.story import plan_due_scoring
from apps.predictions.models import Prediction
from apps.runs.models import Run
from apps.workspaces.scope import workspace_scope
from einstein.postgres import moment

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


def test_what_is_planned_for_one_hour_begins_spread_over_the_jitter_and_each_at_its_own_time_every_day(settings):
    settings.JITTER_SECONDS = 300
    found = [jitter("source", number).total_seconds() for number in range(1000)]
    assert found == [jitter("source", number).total_seconds() for number in range(1000)]
    by_minute = Counter(int(seconds // 60) for seconds in found)
    assert set(by_minute) == {0, 1, 2, 3, 4}
    assert min(by_minute.values()) > 150
    assert [jitter("prediction", number).total_seconds() for number in range(1000)] != found


def test_without_jitter_everything_begins_on_the_hour(settings):
    settings.JITTER_SECONDS = 0
    assert {jitter("source", number) for number in range(100)} == {timedelta(0)}


@pytest.mark.parametrize(
    ("seconds", "faults"), [(0, []), (300, []), (3599, []), (3600, ["einstein.E015"]), (-1, ["einstein.E015"])]
)
def test_a_jitter_that_would_make_runs_count_as_missing_is_refused(settings, seconds, faults):
    settings.JITTER_SECONDS, settings.GRACE_SECONDS = seconds, 3600
    assert [error.id for error in a_spread_start_is_not_late(None)] == faults


def test_a_due_scoring_is_queued_for_its_slot_and_its_jitter(workspace, dataset, settings):
    settings.JITTER_SECONDS = 300
    slot = moment.now() - timedelta(seconds=1)
    with workspace_scope(workspace.id):
        prediction = Prediction.objects.create(dataset=dataset, name="Churn", state="active", next_run_at=slot)
    plan_due_scoring(workspace.id, prediction.id)
    with workspace_scope(workspace.id):
        prediction.refresh_from_db()
        assert prediction.last_slot_at == slot
        assert Run.objects.get(kind="score").due_at == slot + jitter("prediction", prediction.id)
