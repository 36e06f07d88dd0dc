"""What failed, by cause, with what to do; and taking it up again where that does no harm."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.console.causes import CAUSES, cause_of, masked
from apps.console.failures import failed_groups, failing_runs
from apps.console.models import OperatorEntry
from apps.console.retry import NotRetried, retry
from apps.datasets.models import Dataset
from apps.predictions.models import ModelVersion, Prediction
from apps.runs.models import Run
from apps.workspaces.models import AuditEntry
from apps.workspaces.scope import workspace_scope

OURS = "Something went wrong on our side. Try again; if it stays, give your operator the reference {}."
SECRET = "db.brightline.example refuses the password of “anna”."


def fail(workspace, kind: str, subject: int, error: str, **more) -> Run:
    with workspace_scope(workspace.id):
        return Run.objects.create(
            kind=kind, subject_id=subject, state="failed", error=error, ended_at=timezone.now(), **more
        )


@pytest.fixture
def prediction(workspace):
    with workspace_scope(workspace.id):
        return Prediction.objects.create(name="Churn", dataset=Dataset.objects.create(name="Customers"), state="active")


@pytest.mark.parametrize(
    ("sentence", "key"),
    [
        (OURS.format("0a1b2c3d"), "fault"),
        ("The work stopped three times without an answer. Your operator can see why in the log.", "worker_lost"),
        ("The training broke off three times, probably because memory ran out. Use fewer fields, or ask your operator.", "memory"),
        ("There is not enough room on the disk for the file. Ask your operator.", "disk"),
        ("The disk of the installation is full. It was tried 7 times.", "disk"),
        ("The database of the installation could not be reached.", "database"),
        ("The file store of the installation could not be reached.", "files"),
        ("10.0.0.1 is an address inside a private network, which this installation does not reach.", "refused_address"),
        (SECRET, "password"),
        ("db.example.com took too long to answer.", "unreachable"),
        ("There is no table orders in Billing any more. Pick another.", "gone"),
        ("Customers holds no records. Upload a file.", "not_ready"),
        ("march.csv could not be used. It is empty.", "data"),
    ],
)  # fmt: skip
def test_a_sentence_leads_to_its_cause(sentence, key):
    assert cause_of(sentence).key == key


def test_every_cause_says_what_to_do():
    assert all(len(cause.action) > 30 and cause.action.endswith(".") for cause in CAUSES)
    assert len({cause.key for cause in CAUSES}) == len(CAUSES)


def test_sentences_that_nobody_knows_are_told_apart_by_their_words_alone():
    one, same, other = "Zonk 17 of “A” zonked 3.5", "Zonk 4 of “B” zonked 1,000", "Zonk 4 of “B” zinked 1"
    assert masked(one) == masked(same) == "Zonk # of … zonked #"
    assert cause_of(one).key == cause_of(same).key != cause_of(other).key
    assert "reference" in cause_of(one).action


def test_failures_are_grouped_over_the_fleet_the_installations_own_first(workspace, elsewhere):
    for number, one in enumerate((workspace, workspace, elsewhere)):
        fail(one, "refresh", number, SECRET)
    newest = fail(elsewhere, "score", 9, OURS.format("deadbeef"))
    ours, theirs = failed_groups()
    assert (ours.cause.key, ours.runs, ours.newest_run, ours.reference) == ("fault", 1, newest.id, "deadbeef")
    assert (theirs.cause.key, theirs.kind, theirs.runs, len(theirs.workspace_ids)) == ("password", "refresh", 3, 2)
    assert [group.runs for group in failed_groups(workspace.id)] == [2]


def test_what_did_better_afterwards_is_counted_but_fails_no_more(workspace):
    failed = fail(workspace, "score", 1, OURS.format("deadbeef"))
    assert [one.run_id for one in failing_runs(10)] == [failed.id]
    with workspace_scope(workspace.id):
        Run.objects.create(kind="score", subject_id=1, state="succeeded", ended_at=timezone.now())
    assert failing_runs(10) == []
    assert [(group.runs, group.failing) for group in failed_groups()] == [(1, 0)]


@pytest.mark.parametrize("address", ["/console/", "/console/failures/", "/console/workspaces/{}/"])
def test_the_console_tells_run_workspace_cause_and_next_action_without_the_customers_words(ops, workspace, address):
    run = fail(workspace, "refresh", 1, SECRET)
    page = ops.get(address.format(workspace.id)).content.decode()
    assert f"Run {run.id}" in page and "Reading a source" in page and f"orkspace {workspace.id}" in page
    assert "refuses the sign-in" in page and "enters the password or key anew" in page
    assert "anna”" not in page and "db.brightline" not in page


def test_an_unknown_failure_says_which_reference_to_look_for(ops, workspace):
    run = fail(workspace, "score", 1, "Zonk.")
    page = ops.get("/console/failures/").content.decode()
    assert "Not known yet" in page and "Read the log with this reference" in page and f"run {run.id}" in page


def test_the_failures_page_costs_the_same_however_many_there_are(ops, workspace, django_assert_max_num_queries):
    with workspace_scope(workspace.id):
        Run.objects.bulk_create(
            Run(kind="score", subject_id=n, state="failed", error=f"Zonk {n}", ended_at=timezone.now())
            for n in range(300)
        )
    ops.get("/console/log/")  # the first page of a log-in notes where it is
    with django_assert_max_num_queries(8):
        ops.get("/console/failures/")


def test_a_retry_does_the_same_work_under_the_same_key_once(ops, staff, workspace, prediction):
    run = fail(workspace, "score", prediction.id, "Zonk.", params={"a": 1}, unique_key="score:1:asked")
    for _ in range(2):
        ops.post(f"/console/workspaces/{workspace.id}/runs/{run.id}/retry/")
    with workspace_scope(workspace.id):
        [again] = Run.objects.filter(state="queued")
        assert (again.kind, again.subject_id, again.params, again.unique_key) == ("score", prediction.id, {"a": 1}, "score:1:asked")  # fmt: skip
        assert AuditEntry.objects.filter(action="failed run retried", actor=staff).exists()
    assert OperatorEntry.objects.filter(action="failed run retried", workspace_number=workspace.id).exists()


@pytest.mark.parametrize("kind", ["forget", "dry_run", "export", "made_up"])
def test_what_is_not_safe_to_repeat_is_left_alone(staff, workspace, kind):
    run = fail(workspace, kind, 1, "Zonk.")
    with pytest.raises(NotRetried, match="not safe to repeat"):
        retry(staff, workspace.id, run.id)


def test_a_run_that_waits_out_an_outage_is_shown_and_can_be_tried_now(ops, staff, workspace, prediction):
    with workspace_scope(workspace.id):
        run = Run.objects.create(
            kind="score", subject_id=prediction.id, outages=1, error="The disk of the installation is full.",
            started_at=timezone.now(), due_at=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
    page = ops.get("/console/").content.decode()
    assert (
        f"Run {run.id}" in page and "The disk is full" in page and "Free or add room" in page and "tried again" in page
    )
    assert retry(staff, workspace.id, run.id).id == run.id
    with workspace_scope(workspace.id):
        run.refresh_from_db()
        assert run.due_at < timezone.now() + timedelta(minutes=1) and Run.objects.count() == 1


def test_a_run_that_has_not_failed_or_whose_subject_is_gone_is_left_alone(staff, workspace, elsewhere, prediction):
    run = fail(workspace, "score", prediction.id, "Zonk.")
    for where, number, words in ((workspace, run.id + 99, "has not failed"), (elsewhere, run.id, "has not failed")):
        with pytest.raises(NotRetried, match=words):
            retry(staff, where.id, number)
    with workspace_scope(workspace.id):
        Prediction.objects.update(state="deleted")
    with pytest.raises(NotRetried, match="was deleted"):
        retry(staff, workspace.id, run.id)


def test_what_a_later_run_has_done_is_not_done_again(staff, workspace, prediction):
    run = fail(workspace, "score", prediction.id, "Zonk.")
    with workspace_scope(workspace.id):
        Run.objects.create(kind="score", subject_id=prediction.id, state="succeeded", ended_at=timezone.now())
    with pytest.raises(NotRetried, match="later run"):
        retry(staff, workspace.id, run.id)


def test_a_training_is_taken_up_as_the_same_version(staff, workspace, prediction):
    with workspace_scope(workspace.id):
        version = ModelVersion.objects.create(prediction=prediction, number=1, state="failed", failure="Zonk.")
    run = fail(workspace, "train", version.id, "Zonk.", queue="train", unique_key=f"train:{version.id}")
    again = retry(staff, workspace.id, run.id)
    assert again.queue == "train"
    with workspace_scope(workspace.id):
        version.refresh_from_db()
    assert (version.state, version.failure) == ("training", "")


def test_all_of_a_cause_are_taken_up_over_all_workspaces(ops, workspace, elsewhere, prediction):
    with workspace_scope(elsewhere.id):
        other = Prediction.objects.create(name="X", dataset=Dataset.objects.create(name="Y"), state="active")
    for where, subject in ((workspace, prediction.id), (elsewhere, other.id), (elsewhere, other.id + 99)):
        fail(where, "score", subject, OURS.format("deadbeef"), unique_key=f"score:{subject}")
    fail(workspace, "score", prediction.id, "Zonk.")
    page = ops.post("/console/failures/retry/", {"kind": "score", "cause": "fault"}, follow=True).content.decode()
    assert "2 runs taken up again. 1 left alone" in page
    for where in (workspace, elsewhere):
        with workspace_scope(where.id):
            assert Run.objects.filter(state="queued").count() == 1


def test_a_retry_by_a_link_does_nothing(ops, workspace):
    assert ops.get("/console/failures/retry/").status_code == 405
