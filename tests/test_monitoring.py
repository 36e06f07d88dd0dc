"""Checks judge what they are given; alerts open once, tell once, keep still when asked, and say when it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.monitoring.checks import Facts, registry
from apps.monitoring.models import Alert, Observation
from apps.monitoring.watch import check_prediction
from apps.outbox.models import Message
from apps.pipeline.story import plan_due_scoring
from apps.runs.models import Run
from apps.scoring.models import ScoringRun

NOW = timezone.now()
HOUR = timedelta(hours=1)
FINE = Facts(
    name="Churn", noun="customer", schedule="daily", now=NOW, grace_seconds=3600, last_slot_at=NOW - HOUR, next_run_at=NOW + HOUR,
    scored_at=NOW, newest_run={"scored": 200, "records": 1000, "as_of": NOW}, last_attempt={"state": "succeeded", "error": "", "at": NOW},
)  # fmt: skip
SHIFT = {
    "high": 0.14,
    "usual_high": 0.14,
    "mean": 0.3,
    "usual_mean": 0.3,
    "usual_sd": 0.2,
    "records": 200,
    "constant": False,
}


def judge(kind: str, **changes):
    return registry()[kind].judge(replace(FINE, **changes))


def outside(value: float, count: int, **detail):
    return {("outside", "price"): (value, {"count": count, "low": "1", "high": "9", **detail})}


def shifted(index: float, **changes):
    return {("score_shift", ""): (index, SHIFT | changes)}


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


def test_before_the_first_scores_there_is_nothing_to_judge():
    assert {
        judge(kind, newest_run=None, last_slot_at=None, scored_at=None, last_attempt=None).failing
        for kind in registry()
    } == {None}


@pytest.mark.parametrize(
    ("observed", "failing"),
    [
        (shifted(0.1, mean=0.9), False), (shifted(0.3), False), (shifted(0.3, mean=0.4), True), (shifted(0.3, high=0.3), True),
        (shifted(0.3, high=0.3, records=99), False), (shifted(0.0, records=30, constant=True), True),
    ],
    ids=["small shift", "large but not to be seen", "the mean moved", "the High band moved", "too few records", "all the same"],
)  # fmt: skip
def test_scores_look_strange_only_when_the_shift_is_large_and_can_be_seen(observed, failing):
    assert judge("scores_normal", observations=observed).failing is failing


@pytest.mark.parametrize(
    ("observed", "failing"),
    [
        (outside(0.009, 9), False), (outside(0.02, 20), True), (outside(0.02, 1), False),
        (outside(0.1, 20, examples=["new"]), True), ({("blank", "price"): (0.5, {"usual": 0.0})}, True), ({("blank", "price"): (0.02, {"usual": 0.0})}, False),
    ],
    ids=["one in a hundred is usual", "twenty", "a single record", "new answers", "lost its values", "a few blanks"],
)  # fmt: skip
def test_data_is_out_of_range_above_what_is_usual(observed, failing):
    assert judge("data_in_range", observations=observed).failing is failing


def test_far_fewer_records_than_usual_are_noticed_once_there_is_a_usual():
    few = {"scored": 100, "records": 300, "as_of": NOW}
    assert judge("data_in_range", newest_run=few, earlier_records=[1000, 1000]).failing is False
    assert judge("data_in_range", newest_run=few, earlier_records=[1000, 1000, 1010]).failing is True


@pytest.fixture
def broken(scored, settings):
    """A prediction whose newest run saw values out of range; alerts are told at once."""
    settings.GROUPING_SECONDS = 0
    Observation.objects.filter(metric="outside", field="MonthlyCharges").update(
        value=0.5, detail={"count": 100, "low": "18", "high": "118"}
    )
    return scored


def mend() -> None:
    Observation.objects.filter(metric="outside").update(value=0.0, detail={"count": 0, "low": "18", "high": "118"})


def subjects() -> list[str]:
    return list(Message.objects.order_by("id").values_list("subject", flat=True))


def test_a_fault_opens_one_alert_and_one_mail_however_often_it_is_checked(broken, owner):
    for _ in range(3):
        check_prediction(broken)
    assert Alert.objects.get().told_to == [str(owner)]
    assert subjects() == ["Churn: 100 customers have a MonthlyCharges the model has never seen"]


def test_when_it_is_over_one_mail_says_so_and_a_new_fault_is_a_new_alert(broken):
    check_prediction(broken)
    mend()
    check_prediction(broken)
    check_prediction(broken)
    assert [subject.startswith("Over: ") for subject in subjects()] == [False, True]
    assert Alert.objects.get().state == "resolved"
    Observation.objects.filter(metric="outside", field="tenure").update(
        value=0.5, detail={"count": 100, "low": "0", "high": "72"}
    )
    check_prediction(broken)
    assert Alert.objects.count() == 2
    assert len(subjects()) == 3


def test_the_mail_waits_for_the_grouping_time_and_is_never_sent_for_what_passes_before(broken, settings):
    settings.GROUPING_SECONDS = 600
    check_prediction(broken)
    assert subjects() == []
    Alert.objects.update(opened_at=timezone.now() - timedelta(seconds=601))
    check_prediction(broken)
    assert len(subjects()) == 1


def test_a_fault_that_passes_within_the_grouping_time_mails_nobody(broken, settings):
    settings.GROUPING_SECONDS = 600
    check_prediction(broken)
    mend()
    check_prediction(broken)
    assert subjects() == []


@pytest.mark.parametrize("answer", [{"action": "acknowledge"}, {"snooze": "1"}])
def test_an_acknowledged_or_snoozed_alert_keeps_still(client, owner, workspace, broken, settings, answer):
    settings.GROUPING_SECONDS = 600
    check_prediction(broken)
    client.force_login(owner)
    found = Alert.objects.get()
    client.post(f"/w/{workspace.slug}/alerts/{found.id}/answer/", answer)
    Alert.objects.update(opened_at=timezone.now() - timedelta(hours=1))
    check_prediction(broken)
    assert subjects() == []
    assert Alert.objects.get().state in {"acknowledged", "snoozed"}


def test_a_snoozed_alert_wakes_when_its_time_is_over(broken, settings):
    check_prediction(broken)
    Alert.objects.update(state="snoozed", snoozed_until=timezone.now() - HOUR)
    check_prediction(broken)
    assert Alert.objects.get().state == "open"


@pytest.mark.parametrize("thing", ["prediction", "dataset"])
@pytest.mark.parametrize("state", ["paused", "archived", "deleted"])
def test_what_is_paused_archived_or_deleted_never_alerts(broken, thing, state):
    target = broken if thing == "prediction" else broken.dataset
    target.state = state
    target.save()
    broken.refresh_from_db()
    check_prediction(broken)
    assert not Alert.objects.exists()
    assert subjects() == []


@pytest.mark.parametrize("state", ["paused", "archived", "deleted"])
def test_a_dataset_out_of_use_is_not_scored_on_schedule(scored, state):
    scored.dataset.state = state
    scored.dataset.save()
    scored.next_run_at = timezone.now() - timedelta(minutes=1)
    scored.save()
    plan_due_scoring(scored.workspace_id, scored.id)
    assert not Run.objects.filter(kind="score", state="queued").exists()
    scored.refresh_from_db()
    assert scored.next_run_at > timezone.now()


def test_the_alerts_page_and_the_mail_answer_every_question(client, owner, workspace, broken):
    check_prediction(broken)
    client.force_login(owner)
    found = Alert.objects.get()
    page = client.get(f"/w/{workspace.slug}/alerts/{found.id}/").content.decode()
    mail = Message.objects.get()
    for heading in ("What happened", "Likely why", "What to do"):
        assert heading in page
        assert heading in mail.html
        assert heading.upper() in mail.text
    assert f"/w/{workspace.slug}/alerts/{found.id}/" in mail.text
    assert "MonthlyCharges is outside 18 to 118 for 100 of 200 customers (50%)" in mail.text


def test_the_monitoring_page_draws_the_runs_and_the_alert(client, owner, workspace, broken):
    check_prediction(broken)
    client.force_login(owner)
    page = client.get(f"/w/{workspace.slug}/predictions/{broken.id}/monitoring/").content.decode()
    assert "MonthlyCharges is out of range for 50% of customers" in page
    assert "Alert: " in page
    assert "The newest run scored 200 customers" in page
    assert ScoringRun.objects.count() == 1
