"""Checks judge what they are given, and say it in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.monitoring.checks import Facts, registry
from tests.monitoring.conftest import alarm

NOW = timezone.now()
HOUR = timedelta(hours=1)
LOOK = {
    "records": 200,
    "fields": {"price": [1.0, 0.0, 2.0, 0.0, 0.0, 0.1]},
    "scores": {"high": 0.14, "mean": 0.3},
    "alarms": [],
    "at": NOW,
}
FINE = Facts(
    name="Churn", noun="customer", schedule="daily", now=NOW, grace_seconds=3600, last_slot_at=NOW - HOUR, next_run_at=NOW + HOUR,
    scored_at=NOW, newest_run={"scored": 200, "records": 1000, "as_of": NOW}, last_attempt={"state": "succeeded", "error": "", "at": NOW}, look=LOOK,
)  # fmt: skip


def judge(kind: str, **changes):
    return registry()[kind].judge(replace(FINE, **changes))


def seen(*alarms: dict, **changes) -> dict:
    return LOOK | {"alarms": list(alarms)} | changes


def test_scores_are_produced_when_the_last_run_brought_them():
    assert judge("scores_produced").failing is False


@pytest.mark.parametrize("late", [timedelta(minutes=59), timedelta(minutes=61)], ids=["within its grace", "after it"])
def test_a_planned_run_fails_the_check_only_after_its_grace(late):
    found = judge("scores_produced", last_slot_at=NOW - late, scored_at=NOW - 24 * HOUR, last_attempt=None)
    assert found.failing is (late > HOUR)


def test_a_run_that_nobody_picks_up_is_said_to_be_the_workers():
    found = judge(
        "scores_produced",
        last_slot_at=NOW - 2 * HOUR,
        scored_at=NOW - 24 * HOUR,
        last_attempt={"state": "queued", "error": "", "at": NOW},
    )
    assert "workers seem to have stopped" in found.sees


def test_a_failed_run_says_its_own_reason_at_once():
    found = judge(
        "scores_produced",
        scored_at=NOW - HOUR,
        last_attempt={"state": "failed", "error": "The file lacks tenure.", "at": NOW},
    )
    assert (found.failing, found.severity) == (True, "critical")
    assert found.answers["why"] == "The file lacks tenure."


def test_before_the_first_scores_nothing_fails():
    bare = {"newest_run": None, "last_slot_at": None, "scored_at": None, "last_attempt": None, "look": None}
    assert not any(judge(kind, **bare).failing for kind in registry())


def test_a_run_that_found_nothing_to_score_is_no_score(settings):
    found = judge("scores_produced", newest_run={"scored": 0, "records": 0, "as_of": NOW}, earlier=[seen()])
    assert (found.failing, found.severity) == (True, "critical")


@pytest.mark.parametrize(
    ("check", "kind", "severity"),
    [
        ("field_unit", "data_in_range", "warning"), ("field_gone", "data_in_range", "warning"), ("field_moved", "fields_usual", "info"),
        ("scores_constant", "scores_normal", "critical"), ("volume", "volume_usual", "warning"), ("performance_estimated", "performance_holds", "warning"),
    ],
)  # fmt: skip
def test_what_the_watch_saw_fails_the_check_it_belongs_to_and_no_other(check, kind, severity):
    look = seen(alarm(check=check, severity=severity, cause=check.split("_")[-1]))
    failing = {name: judge(name, look=look) for name in registry() if judge(name, look=look).failing}
    assert list(failing) == [kind]
    assert failing[kind].severity == severity
    assert failing[kind].cause == "dataset"


def test_the_gravest_alarm_gives_the_title_and_the_others_are_named():
    look = seen(
        alarm(check="field_mix", field="Contract", severity="info", cause="mix"),
        alarm(check="field_moved", cause="moved"),
    )
    found = judge("fields_usual", look=look)
    assert found.title == "Churn: MonthlyCharges and 1 more field have changed"
    assert found.answers["fields"] == ["MonthlyCharges", "Contract"]


def test_scores_of_before_are_said_beside_those_of_now():
    look = seen(alarm(check="scores_moved", cause="moved"), scores={"high": 0.5})
    assert (
        judge("scores_normal", look=look, earlier=[seen(), seen()]).title
        == "Churn: 50% are in the High band instead of 14%"
    )


@pytest.mark.parametrize(
    ("seconds", "failing"), [([50, 10, 10, 10, 10, 10], False), ([90, 10, 10, 10, 10, 10], True), ([90, 10, 10], None)]
)
def test_scoring_is_slow_against_its_own_past_and_by_a_minute(seconds, failing):
    assert judge("runs_in_time", seconds=seconds).failing is failing


@pytest.mark.parametrize(("days", "failing"), [(10, False), (400, True)])
def test_a_model_is_old_after_a_year(days, failing):
    assert judge("model_fresh", enabled_at=NOW - timedelta(days=days)).failing is failing


SOURCE = {"held": False, "failures": 0, "error": "", "at": NOW, "still": 0, "readings": 28, "unchanged": 0}


@pytest.mark.parametrize(
    ("source", "failing"),
    [
        ({"failures": 1}, False), ({"failures": 2, "error": "The password is wrong."}, True), ({"still": 2}, False), ({"still": 3}, True),
        ({"still": 3, "unchanged": 20}, False), ({"still": 9, "readings": 2, "unchanged": 2}, False), ({"held": True}, True),
    ],
    ids=["tried again by itself", "failed twice", "quiet twice", "quiet thrice", "often quiet", "never changed", "held"],
)  # fmt: skip
def test_a_source_is_silent_only_against_its_own_past(source, failing):
    assert judge("source_sends", source=SOURCE | source).failing is failing


def test_a_held_table_is_shown_but_told_by_the_dataset_itself():
    assert judge("source_sends", source=SOURCE | {"held": True}).silent


def test_what_did_not_arrive_is_shown():
    found = judge("deliveries_arrive", undelivered=[{"state": "dead", "error": "The server refused it.", "at": NOW}])
    assert (found.failing, found.silent) == (True, True)
    assert "The server refused it." in found.sees


REFUSED = {"name": "CRM card", "refusals": 9, "fault": "old", "since": NOW - HOUR}


def test_a_widget_that_is_refused_now_and_then_is_fine():
    assert judge("widgets_show").failing is None
    assert judge("widgets_show", widgets=[REFUSED]).failing is False


@pytest.mark.parametrize("fault", ["old", "origin", "record"])
def test_a_widget_that_shows_nothing_says_why_and_what_to_do(fault):
    found = judge("widgets_show", widgets=[REFUSED | {"refusals": 412, "fault": fault}])
    assert found.failing and "CRM card was asked 412 times in a row" in found.sees
    assert found.answers["why"] and found.answers["todo"][0][1].endswith(".")
