"""The whole story in one file: ingest -> train -> score -> observe -> check -> tell, and what queues what.

Each Run names its kind as text; here the kinds meet the functions that do them.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db.models import F

from apps.datasets.arrival import Taken
from apps.datasets.enrich import enrich, joined_fields, remake_followers
from apps.datasets.enrich import plan_retry as plan_making_again
from apps.datasets.forget import forget_records, forget_the_key
from apps.datasets.ingest import ingest
from apps.datasets.lane import lane_of
from apps.datasets.models import Enrichment, Source
from apps.datasets.push import take_pushed, try_again_later
from apps.datasets.refresh import accept_held, note_read, plan_retry, refresh
from apps.deliveries.deliver import deliver, dry_run
from apps.deliveries.forget import forget_deliveries
from apps.deliveries.models import Delivery
from apps.deliveries.plan import plan, plan_alert, plan_run
from apps.monitoring.models import Alert, Watch
from apps.monitoring.observe import observe
from apps.pipeline.export import export_workspace, forget_exports
from apps.pipeline.schedules import jitter, next_slot
from apps.predictions.judge_ending import BrokeOff
from apps.predictions.models import Prediction
from apps.predictions.queries import fields_in_use
from apps.predictions.train import forget_input, mark_failed, train
from apps.runs.lease import Cancelled, LeaseLost, Work, WorkFailed, heartbeat
from apps.runs.models import Run
from apps.runs.outages import wait_out
from apps.runs.queue import MOST_ATTEMPTS, enqueue, enqueue_each
from apps.scoring.forget import forget_scores
from apps.scoring.models import ScoringRun
from apps.scoring.score import newest_run, score_prediction
from apps.workspaces.models import Workspace
from apps.workspaces.scope import workspace_scope
from einstein import disk, traces
from einstein.logs import about
from einstein.ml.errors import DataProblem
from einstein.postgres import moment

logger = logging.getLogger("einstein.pipeline")


def read_upload(work: Work) -> None:
    """A file somebody uploaded."""
    _score_what_stands_on(work, ingest(work, _needed(work)))


def read_source(work: Work) -> None:
    """What the dataset's source holds now."""
    _score_what_stands_on(work, refresh(work, _needed(work)), also=lambda: note_read(work.subject_id))


def read_pushed(work: Work) -> None:
    """Records that other programs sent."""
    _score_what_stands_on(work, take_pushed(work, _needed(work)))


def read_related(work: Work) -> None:
    """What is made of several datasets, after one of them has changed."""
    _score_what_stands_on(work, enrich(work, _needed(work)))


def take_held(work: Work) -> None:
    """A table that did not fit and was accepted."""
    _score_what_stands_on(work, accept_held(work))


def _needed(work: Work) -> set[str]:
    """Fields of the dataset that predictions stand on, on it or on what is made of it."""
    with workspace_scope(work.workspace_id):
        made = Enrichment.objects.filter(base_id=work.subject_id).values_list("dataset_id", flat=True)
        used = [fields_in_use(dataset_id) for dataset_id in (work.subject_id, *made)]
        return joined_fields(work.subject_id).union(*used)


def _score_what_stands_on(work: Work, taken: Taken, also: Callable[[], None] = lambda: None) -> None:
    """A new snapshot is followed by the scoring of every prediction that stands on it, and by what is made of it.

    `also` is called in the transaction that ends the Run.
    """
    with work.fenced():
        also()
        # A worker before may have died between keeping and telling.
        if taken.result == "snapshot" or (taken.result != "held" and work.lease > 1):
            remake_followers(work.subject_id)
        if taken.result != "held":
            standing = Prediction.objects.filter(dataset_id=work.subject_id, state="active", champion__isnull=False)
            keys = {number: f"score:{number}:read:{work.run_id}" for number in standing.values_list("id", flat=True)}
            enqueue_each("score", keys, lane_of(work.subject_id))
        work.succeed()


def score_and_observe(work: Work) -> None:
    """Scores, then what they and their records look like; the clock's checks judge the observations."""

    def send_on(run: ScoringRun) -> None:
        keys = {destination: f"deliver:{destination}" for destination in plan_run(run)}
        enqueue_each("deliver", keys, work.queue)

    scored = score_prediction(work, then=send_on)
    work.stage("Compare with what is usual")
    observe(work, scored, then=work.succeed)


def forget_record(work: Work) -> None:
    """One record, out of every copy; the Run itself forgets its key last."""
    key = work.params["key"]
    datasets = forget_records(work, key)
    with workspace_scope(work.workspace_id):
        predictions = list(Prediction.objects.filter(dataset__in=datasets).values_list("id", flat=True))
    work.stage("Erase its scores")
    forget_scores(work, predictions, key)
    work.stage("Erase what was kept to deliver it")
    told = forget_deliveries(work, predictions, key)
    forget_exports(work)
    with work.fenced():
        Run.objects.filter(id=work.run_id).update(params={}, outcome={"told": told})


KINDS: dict[str, Callable[[Work], None]] = {
    "ingest": read_upload, "refresh": read_source, "accept": take_held, "train": train, "score": score_and_observe, "deliver": deliver,
    "dry_run": dry_run, "push": read_pushed, "enrich": read_related, "forget": forget_record, "export": export_workspace,
}  # fmt: skip

NEEDS_NO_ROOM = {"forget", "deliver", "dry_run"}


def perform(work: Work) -> None:
    """Do a claimed Run and write how it ended, exactly once."""
    facts = {"run": work.run_id, "kind": work.kind, "workspace": work.workspace_id}
    with (
        about(**facts),
        traces.span(work.kind, "CONSUMER", **{f"einstein.{name}": fact for name, fact in facts.items()}) as span,
    ):
        _perform(work)
        if work.ended_as in ("", "failed"):
            traces.failed(span, work.ended_as or "given up")
        traces.stages(work.stages)


def _perform(work: Work) -> None:
    try:
        with heartbeat(work):
            if work.kind not in NEEDS_NO_ROOM:
                disk.refuse_without_room()
            KINDS[work.kind](work)
        if not work.ended_as:
            work.finish("succeeded")
    except LeaseLost:
        logger.warning("run %s: another worker has it now; this one stops", work.run_id)
    except Cancelled:
        _end(work, "cancelled", "Stopped.")
    except (WorkFailed, DataProblem) as problem:
        _end(work, "failed", str(problem))
    except BrokeOff as broken:
        logger.warning("run %s: %s", work.run_id, broken)
        _try_again(work)
    except Exception as error:
        _end_unexpected(work, error)


def _end_unexpected(work: Work, error: Exception) -> None:
    """An outage is waited out; what is left is a fault of ours, told by a reference that stands in the log."""
    try:
        sentence = wait_out(work, error)
    except Exception:
        reference = secrets.token_hex(4)
        logger.exception("reference %s: run %s (%s) failed", reference, work.run_id, work.kind)
        sentence = (
            f"Something went wrong on our side. Try again; if it stays, give your operator the reference {reference}."
        )
    if sentence:
        _end(work, "failed", sentence)


def _end(work: Work, state: str, sentence: str) -> None:
    try:
        work.finish(state, error=sentence)
    except LeaseLost:
        return
    after_failure(work.workspace_id, work.run_id)


def _try_again(work: Work) -> None:
    """Hand the Run back to the queue at once, at most three times."""
    with work.fenced():
        run = Run.objects.get(id=work.run_id)
        if run.attempts < MOST_ATTEMPTS:
            Run.objects.filter(id=run.id).update(state="queued", lease=F("lease") + 1, due_at=moment.now())
            return
    _end(
        work,
        "failed",
        "The training broke off three times, probably because memory ran out. Use fewer fields, or ask your operator.",
    )


def after_failure(workspace_id: int, run_id: int) -> None:
    """What a failed or stopped Run leaves behind must say so."""
    with workspace_scope(workspace_id):
        run = Run.objects.get(id=run_id)
    if run.kind == "train":
        mark_failed(workspace_id, run.subject_id, run.error or "Stopped.")
        forget_input(workspace_id, run_id)
    if run.kind == "refresh" and run.state == "failed":
        plan_retry(workspace_id, run.subject_id)
    if run.kind == "enrich" and run.state == "failed":
        plan_making_again(workspace_id, run)
    if run.kind == "push" and run.state == "failed":
        try_again_later(workspace_id, run.subject_id)
    if run.kind == "forget":
        forget_the_key(workspace_id, run_id)


def plan_due_scoring(workspace_id: int, prediction_id: int) -> None:
    """Queue the scoring of one due slot and set the next; a slot is planned once, however many clocks run."""
    with workspace_scope(workspace_id):
        prediction = Prediction.objects.select_for_update(of=("self",)).select_related("dataset").get(id=prediction_id)
        now = moment.now()
        if prediction.state != "active" or prediction.next_run_at is None or prediction.next_run_at > now:
            return
        slot = prediction.next_run_at
        if prediction.dataset.state == "active":
            key = f"score:{prediction.id}:{slot.isoformat()}"
            due = slot + jitter("prediction", prediction.id)
            enqueue("score", prediction.id, queue=lane_of(prediction.dataset_id), unique_key=key, due_at=due)
            prediction.last_slot_at = slot
            # Whatever was planned before, from now on this slot may be late.
            late = slot + timedelta(seconds=settings.GRACE_SECONDS)
            Watch.objects.filter(prediction=prediction, next_check_at__gt=late).update(next_check_at=late)
        prediction.next_run_at = next_slot(prediction, Workspace.objects.get(id=workspace_id).zone, now)
        prediction.save(update_fields=["last_slot_at", "next_run_at"])


def plan_due_refresh(workspace_id: int, source_id: int) -> None:
    """Queue the reading of a source that is due and set its next time; one that has no time yet gets one."""
    with workspace_scope(workspace_id):
        source = Source.objects.select_for_update(of=("self",)).select_related("dataset").get(id=source_id)
        now = moment.now()
        if source.state != "active" or (source.next_run_at is not None and source.next_run_at > now):
            return
        if source.next_run_at is not None and source.dataset.state == "active":
            key = f"refresh:{source.dataset_id}"
            due = source.next_run_at + jitter("source", source.id)
            enqueue("refresh", source.dataset_id, queue=lane_of(source.dataset_id), unique_key=key, due_at=due)
        source.next_run_at = next_slot(source, Workspace.objects.get(id=workspace_id).zone, now)
        source.save(update_fields=["next_run_at"])


def plan_due_delivery(workspace_id: int, delivery_id: int) -> None:
    """Put what a delivery sends by the clock into the outbox and set its next time; one that has no time yet gets one."""
    with workspace_scope(workspace_id):
        delivery = Delivery.objects.select_for_update(of=("self",)).select_related("prediction").get(id=delivery_id)
        now = moment.now()
        if delivery.state != "active" or (delivery.next_run_at is not None and delivery.next_run_at > now):
            return
        run = newest_run(delivery.prediction)
        if delivery.next_run_at is not None and run is not None and delivery.prediction.state == "active":
            plan(delivery, run, f"slot:{delivery.next_run_at.isoformat()}")
        delivery.next_run_at = next_slot(delivery, Workspace.objects.get(id=workspace_id).zone, now)
        delivery.save(update_fields=["next_run_at"])


def begin_taking(workspace_id: int, dataset_id: int) -> None:
    """Queue the taking in of the batches that wait for a dataset."""
    with workspace_scope(workspace_id):
        enqueue("push", dataset_id, queue=lane_of(dataset_id), unique_key=f"push:{dataset_id}")


def begin_delivering(workspace_id: int, delivery_id: int) -> None:
    """Queue the work on what waits for one destination."""
    with workspace_scope(workspace_id):
        dataset = Delivery.objects.filter(id=delivery_id).values_list("prediction__dataset_id", flat=True).first()
        if dataset is not None:  # else its workspace was erased meanwhile
            enqueue("deliver", delivery_id, queue=lane_of(dataset), unique_key=f"deliver:{delivery_id}")


def announce_alert(workspace_id: int, alert_id: int) -> None:
    """Tell the destinations that want to know of alerts."""
    with workspace_scope(workspace_id):
        alert = Alert.objects.select_for_update(of=("self",)).get(id=alert_id)
        facts = {
            "id": alert.id,
            "check": alert.check_kind,
            "severity": alert.severity,
            "title": alert.title,
            "what": alert.answers.get("what", ""),
            "incident": alert.incident_id,
            "opened_at": alert.opened_at.isoformat(),
        }
        for delivery in Delivery.objects.filter(
            prediction_id=alert.prediction_id, state="active", settings__events__contains=["alert.opened"]
        ):
            plan_alert(delivery, alert.id, facts)
        Alert.objects.filter(id=alert.id).update(announced_at=moment.now())


def begin_watching(workspace_id: int, prediction_id: int) -> None:
    """Plan the next scoring of an active prediction that has none planned, and watch over it from now on."""
    with workspace_scope(workspace_id):
        prediction = Prediction.objects.select_for_update().get(id=prediction_id)
        Watch.objects.get_or_create(prediction=prediction)
        if prediction.state == "active" and prediction.next_run_at is None:
            prediction.next_run_at = next_slot(prediction, Workspace.objects.get(id=workspace_id).zone, moment.now())
            prediction.save(update_fields=["next_run_at"])
