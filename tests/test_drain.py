"""Draining hands out nothing new and lets what is under way end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.console.models import OperatorEntry
from apps.runs.drain import NoSuchPart, drain, in_hand, lift, under_way
from apps.runs.lease import claim, claim_next
from apps.runs.models import Drain, Run
from apps.runs.queue import dispatch_due, enqueue


@pytest.fixture
def two(inside):
    """A Run that is done and one that waits."""
    first = waiting(1)
    dispatch_due("interactive")
    claim(inside.id, first.id)
    return first, waiting(2)


def waiting(subject: int) -> Run:
    return enqueue("score", subject, due_at=timezone.now() - timedelta(minutes=1))


def state_of(run: Run) -> str:
    return Run.objects.get(id=run.id).state


@pytest.mark.parametrize("part", [("all", ""), ("queue", "interactive")])
def test_nothing_new_is_handed_out_until_it_is_lifted(two, part):
    drain(*part)
    assert dispatch_due("interactive") == 0
    assert claim_next("interactive") is None
    assert [state_of(run) for run in two] == ["running", "queued"]
    lift(*part)
    assert dispatch_due("interactive") == 1


def test_what_was_handed_over_and_not_begun_goes_back_to_wait(inside):
    run = waiting(1)
    dispatch_due("interactive")
    drain("all")
    assert state_of(run) == "queued"
    assert claim(inside.id, run.id) is None


def test_another_queue_goes_on(two):
    drain("queue", "train")
    assert dispatch_due("interactive") == 1


def test_workers_of_a_drained_host_take_nothing_and_others_do(two, settings):
    drain("host", "worker-1")
    settings.WORKER_HOST = "worker-1"
    assert claim_next("interactive") is None
    settings.WORKER_HOST = "worker-2"
    assert claim_next("interactive").run_id == two[1].id
    assert Run.objects.get(id=two[1].id).host == "worker-2"


def test_what_a_drained_part_still_has_to_end_is_counted(two, settings):
    runs = in_hand()
    counts = [
        under_way(*part, runs)
        for part in (("all", ""), ("queue", "train"), ("host", settings.WORKER_HOST), ("host", "x"))
    ]
    assert counts == [1, 0, 1, 0]


def test_a_run_whose_worker_fell_while_drained_waits(two):
    from apps.runs.queue import recover_expired

    drain("all")
    Run.objects.filter(id=two[0].id).update(lease_until=timezone.now() - timedelta(seconds=1))
    recover_expired()
    assert dispatch_due("interactive") == 0
    assert state_of(two[0]) == "queued"


@pytest.mark.parametrize("part", [("all", "x"), ("queue", ""), ("queue", "nowhere"), ("host", ""), ("host", "x" * 81), ("", "")])  # fmt: skip
def test_a_part_that_is_none_is_refused_in_words(db, part):
    with pytest.raises(NoSuchPart, match=r"\.$"):
        drain(*part)
    assert not Drain.objects.exists()


def test_a_deploy_drains_waits_and_lifts(two, capsys):
    call_command("drain", "on")
    with pytest.raises(CommandError, match="1 still under way after 0 seconds"):
        call_command("drain", "wait", seconds=0)
    Run.objects.filter(id=two[0].id).update(state="succeeded")
    call_command("drain", "wait", seconds=0)
    call_command("drain", "off")
    said = capsys.readouterr().out.splitlines()
    assert said == ["Nothing new is handed out. 1 under way.", "Empty.", "Runs are handed out again."]
    assert list(OperatorEntry.objects.order_by("id").values_list("action", flat=True)) == ["drained", "drain lifted"]


def test_waiting_for_what_is_not_drained_is_refused(db):
    with pytest.raises(CommandError, match="would never be empty"):
        call_command("drain", "wait")


def test_the_console_drains_shows_when_it_is_empty_and_lifts(ops, two):
    page = ops.post("/console/drains/start/", {"part": "queue:interactive"}, follow=True).content.decode()
    assert "The queue interactive" in page and "Empty" not in page
    Run.objects.filter(id=two[0].id).update(state="succeeded")
    assert "Empty" in ops.get("/console/drains/").content.decode()
    assert "in the queue interactive" in ops.get("/console/").content.decode()
    ops.post("/console/drains/end/", {"part": "queue", "name": "interactive"})
    assert not Drain.objects.exists()


@pytest.mark.parametrize("body", [{}, {"part": "queue:nowhere"}, {"part": "host"}, {"part": "host", "host": "x" * 200}])
def test_the_console_refuses_a_part_that_is_none(ops, body):
    page = ops.post("/console/drains/start/", body, follow=True).content.decode()
    assert "notice bad" in page and not Drain.objects.exists()


def test_taking_the_next_run_asks_no_more_than_before(two, django_assert_num_queries):
    with django_assert_num_queries(6):  # the claim, the Run, and the scope around it
        assert claim_next("interactive")
