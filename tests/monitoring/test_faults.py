"""What is wrong with the fleet as a whole, and what only looks so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.monitoring.faults import failures_many, mail_stuck, queue_old, registry, scores_none, workers_gone
from apps.monitoring.installation import check_installation
from apps.monitoring.models import OperatorIncident
from apps.outbox.models import AccountMessage, Message
from apps.runs.drain import drain
from apps.runs.models import Run
from apps.workspaces.models import Workspace
from apps.workspaces.scope import workspace_scope


def ago(**time: float):
    return timezone.now() - timedelta(**time)


def ended(count: int, state: str, kind: str = "score", **time: float) -> None:
    Run.objects.bulk_create(
        Run(kind=kind, subject_id=n, state=state, started_at=ago(**time), ended_at=ago(**time)) for n in range(count)
    )


@pytest.fixture
def waits(inside):
    return Run.objects.create(kind="score", subject_id=1, due_at=ago(minutes=20))


@pytest.fixture
def busy(inside):
    return Run.objects.create(kind="score", subject_id=2, state="running", lease_until=ago(minutes=-1))


def test_a_queue_that_nobody_works_on_is_told_by_name(waits):
    assert workers_gone.see() == "Nobody works on the queue interactive: 1 wait, the oldest for 20 minutes."
    assert queue_old.see() == ""


def test_a_queue_whose_workers_are_busy_waits_too_long_and_is_not_deserted(waits, busy, settings):
    assert workers_gone.see() == ""
    assert queue_old.see() == "In the queue interactive 1 wait, the oldest for 20 minutes."
    settings.QUEUE_AGE_SECONDS = 3600
    assert queue_old.see() == ""


def test_workers_that_ended_something_lately_are_there(waits):
    ended(1, "succeeded", minutes=1)
    assert workers_gone.see() == ""


def test_a_worker_whose_lease_ran_out_is_not_there(waits, busy):
    Run.objects.filter(id=busy.id).update(lease_until=ago(minutes=1))
    assert workers_gone.see() != ""


@pytest.mark.parametrize("deed", ["drain", "pause", "later"])
def test_what_waits_by_intention_is_no_fault(waits, deed):
    if deed == "drain":
        drain("queue", "interactive")
    elif deed == "pause":
        Workspace.objects.update(paused_at=timezone.now())
    else:
        Run.objects.update(due_at=ago(minutes=-5))
    assert workers_gone.see() == queue_old.see() == ""


@pytest.mark.parametrize(
    ("ran", "failed", "usual", "unusual"),
    [
        (4, 4, 0.0, False),  # too few to speak of
        (100, 4, 0.001, False),
        (20, 5, 0.05, False),  # 25 of 100, but it may be chance
        (20, 12, 0.05, True),
        (1000, 60, 0.05, False),  # hardly more than usual
        (1000, 300, 0.05, True),
        (1000, 300, 0.25, False),  # as always
    ],
)
def test_failures_are_many_only_where_chance_is_excluded(ran, failed, usual, unusual):
    assert failures_many.is_unusual(ran, failed, usual) is unusual


def test_the_surely_reached_share_is_the_published_one():
    from scipy.stats import binomtest, norm

    for failed, ran in ((1, 20), (10, 50), (300, 1000)):
        interval = binomtest(failed, ran).proportion_ci(1 - 2 * norm.sf(failures_many.Z), method="wilson")
        assert failures_many.lower_bound(failed, ran) == pytest.approx(interval.low)
    assert failures_many.lower_bound(0, 50) == pytest.approx(0.0, abs=1e-9)


def test_many_failures_are_compared_with_the_week_before(inside):
    ended(30, "failed", minutes=10)
    ended(970, "succeeded", days=2)
    assert failures_many.see() == "30 of 30 runs failed within the hour, 100%; usual is 0.1%."
    ended(900, "failed", days=2)
    assert failures_many.see() == ""


def test_no_scores_is_said_only_where_some_were_owed(inside):
    assert scores_none.see() == ""
    Run.objects.create(kind="score", subject_id=9, due_at=ago(minutes=70))
    assert scores_none.see() == "No scoring has succeeded within an hour; 0 failed and 1 wait for as long."
    ended(1, "succeeded", minutes=50)
    assert scores_none.see() == ""


def test_one_customers_failing_scorings_are_no_fault_of_the_installation(inside, elsewhere):
    ended(3, "failed", minutes=30)
    assert scores_none.see() == ""
    with workspace_scope(elsewhere.id):
        ended(1, "failed", minutes=30)
    assert scores_none.see() == "No scoring has succeeded within an hour; 4 failed and 0 wait for as long."


@pytest.mark.parametrize("table", [Message, AccountMessage])
def test_mail_that_was_tried_and_not_taken_for_an_hour_is_stuck(inside, table):
    more = {"dedupe_key": "x"} if table is Message else {}
    mail = table.objects.create(to="a@b.example", subject="Hello", text="", message_id="<1@x>", attempts=1, **more)
    assert mail_stuck.see() == ""
    table.objects.filter(id=mail.id).update(created_at=ago(hours=3))
    assert mail_stuck.see() == "1 e-mail has been tried and not taken, the oldest for 3 hours."
    table.objects.filter(id=mail.id).update(state="sent")
    assert mail_stuck.see() == ""


def test_a_healthy_installation_has_no_fault(inside):
    check_installation()
    assert not OperatorIncident.objects.exists()


def test_faults_open_after_they_held_and_end_after_a_calm(waits, staff):
    check_installation()
    fault = OperatorIncident.objects.get(kind="workers_gone")
    assert fault.told_at is None
    OperatorIncident.objects.update(opened_at=ago(seconds=registry()["workers_gone"].opens_after + 1))
    check_installation()
    Run.objects.update(state="succeeded")
    check_installation()
    fault.refresh_from_db()
    assert fault.told_at is not None and fault.resolved_at is None
    OperatorIncident.objects.update(good_since=ago(seconds=registry()["workers_gone"].closes_after + 1))
    check_installation()
    assert list(AccountMessage.objects.order_by("id").values_list("subject", flat=True)) == ["No workers", "Over: No workers"]  # fmt: skip
