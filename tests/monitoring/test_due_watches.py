"""A watch sleeps until something can be late, and is woken by what ends before that."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.monitoring.models import Alert, Incident, Watch
from apps.monitoring.watch import LONGEST_SLEEP, check_due, check_prediction, next_look
from apps.pipeline.story import plan_due_scoring
from apps.runs.models import Run
from tests.monitoring.test_checks import FINE, HOUR, NOW


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"next_run_at": NOW + HOUR}, 2 * HOUR),
        ({"next_run_at": NOW + 20 * HOUR}, LONGEST_SLEEP),
        ({"next_run_at": NOW + 20 * HOUR, "last_slot_at": NOW - HOUR / 2}, HOUR / 2),
        ({"next_run_at": NOW + HOUR, "last_attempt": {"state": "running", "error": "", "at": NOW}}, timedelta(seconds=60)),
        ({"next_run_at": None, "last_slot_at": None}, LONGEST_SLEEP),
    ],
    ids=["its run may be late", "not beyond a quarter of a day", "the run of now may be late", "a run is under way", "nothing is planned"],
)  # fmt: skip
def test_it_looks_again_when_something_can_be_late(settings, changes, expected):
    settings.CHECK_SECONDS = 60
    assert next_look(replace(FINE, **changes)) - NOW == expected


@pytest.fixture
def asleep(scored):
    """A prediction whose watch has looked and sleeps."""
    check_due()
    check_prediction(scored)
    assert Watch.objects.get().next_check_at > timezone.now() + timedelta(minutes=5)
    return scored


def test_a_scoring_that_ended_wakes_it_once(asleep):
    Run.objects.create(kind="score", subject_id=asleep.id, state="failed", error="No file.", ended_at=timezone.now())
    assert check_due() == 1
    assert Alert.objects.get().check_kind == "scores_produced"
    assert check_due() == 0


def test_other_runs_do_not_wake_it(asleep):
    Run.objects.create(kind="train", subject_id=asleep.id, state="failed", ended_at=timezone.now())
    Run.objects.create(kind="score", subject_id=asleep.id, state="running")
    assert check_due() == 0


def test_a_new_slot_is_looked_at_when_it_can_be_late(asleep, settings):
    settings.GRACE_SECONDS = 30
    asleep.next_run_at = timezone.now() - timedelta(seconds=1)
    asleep.save()
    plan_due_scoring(asleep.workspace_id, asleep.id)
    assert Watch.objects.get().next_check_at <= timezone.now() + timedelta(seconds=30)


@pytest.mark.parametrize(("what", "state"), [("prediction", "paused"), ("dataset", "deleted")])
def test_what_was_paused_or_deleted_closes_its_alerts_without_a_word(asleep, what, state):
    incident = Incident.objects.create(cause=f"prediction:{asleep.id}", severity="warning", title="Odd")
    Alert.objects.create(
        prediction=asleep, incident=incident, check_kind="scores_normal", severity="warning", title="Odd", answers={}
    )
    stopped = asleep if what == "prediction" else asleep.dataset
    stopped.state = state
    stopped.save()
    assert check_due() == 1
    assert Alert.objects.get().state == "resolved"
    assert check_due() == 0


def test_what_is_found_costs_the_same_number_of_queries_however_many_sleep(asleep, django_assert_num_queries):
    with django_assert_num_queries(2):
        check_due()
