"""Delivering what waits for one destination, in order: try, note every attempt, count what arrived; hold, retry, give up in the open."""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta

from apps.deliveries.channels.base import Held, Parcel, Receipt, Undeliverable
from apps.deliveries.models import Delivery
from apps.deliveries.plan import channel_of
from apps.deliveries.tell import tell_failing, tell_held, tell_paused
from apps.outbox.models import Attempt, Sending
from apps.outbox.retries import RETRY_SECONDS, next_try
from apps.runs.lease import Cancelled, LeaseLost, Work, WorkFailed
from apps.runs.models import Run
from apps.scoring.models import ScoringRun
from apps.scoring.score import newest_run
from einstein.ml.errors import DataProblem
from einstein.outbound.addresses import OutboundProblem
from einstein.postgres import moment
from einstein.sealed import CannotOpen

logger = logging.getLogger("einstein.deliveries")
TOLD_AT_ATTEMPT = 4  # DEFAULTS: tell the owner at the 4th failure
OFF_AFTER = timedelta(days=5)  # Svix
AT_REST = ["archived", "deleted"]


def deliver(work: Work) -> None:
    """Send what waits for one destination until nothing is due. Safe to run twice and to be killed at any line."""
    more = True
    while more and (parcel := _next(work)) is not None:
        work.stage(f"{parcel.delivery.name}: {parcel.sending.event}", f"attempt {parcel.sending.attempts}")
        try:
            receipt = channel_of(parcel.delivery).send(parcel)
            more = _note_arrival(work, parcel, receipt)
        except (LeaseLost, Cancelled):
            raise
        except Held as held:
            _hold(work, parcel, held)
        except Undeliverable as problem:
            _note_failure(work, parcel, str(problem), final=True, stop=problem.stop)
        except (OutboundProblem, CannotOpen, DataProblem) as problem:
            _note_failure(work, parcel, str(problem))
        except Exception:
            reference = secrets.token_hex(4)
            logger.exception("reference %s: sending %s failed", reference, parcel.sending.id)
            _note_failure(work, parcel, f"Something went wrong on our side. Your operator knows it as {reference}.")


def dry_run(work: Work) -> None:
    """Do everything a write of the newest scores would do, take it back, and keep what it would have changed in the Run's outcome."""
    with work.fenced():
        delivery = Delivery.objects.select_related("prediction__dataset", "compared_with").get(id=work.subject_id)
        run = newest_run(delivery.prediction)
    if run is None:
        raise WorkFailed("There are no scores yet.")
    work.stage(f"Try {delivery.name} out")
    try:
        found = channel_of(delivery).dry_run(delivery, run)
    except (OutboundProblem, CannotOpen) as problem:
        raise WorkFailed(str(problem)) from problem
    with work.fenced():
        Run.objects.filter(id=work.run_id).update(outcome=found)


def _next(work: Work) -> Parcel | None:
    """The first sending that waits, when it is due; its attempt is noted before it begins, so that one that breaks off is seen."""
    with work.fenced():
        delivery = (
            Delivery.objects.select_related("prediction__dataset", "workspace")
            .filter(id=work.subject_id, state="active")
            .first()
        )
        if delivery is None or delivery.prediction.state in AT_REST:
            return None
        sending = (
            Sending.objects.select_for_update()
            .filter(destination_id=delivery.id, state="waiting")
            .order_by("id")
            .first()
        )
        if sending is None or sending.due_at > moment.now():
            return None
        if sending.attempts > len(RETRY_SECONDS):  # each time its worker died with it
            words = "It ended the program that was to send it, again and again."
            Sending.objects.filter(id=sending.id).update(state="dead", last_error=words, ended_at=moment.now())
            tell_failing(delivery, sending, words, None)
            return None
        sending.attempts += 1
        sending.save(update_fields=["attempts"])
        attempt = Attempt.objects.create(sending=sending, number=sending.attempts)
        runs = (
            ScoringRun.objects.exclude(history_key="")
            .select_related("version")
            .defer("version__facts")
            .in_bulk([sending.facts.get("scoring_run"), sending.facts.get("compared_with")])
        )
        return Parcel(
            work, delivery, sending, attempt, delivery.prediction, delivery.workspace,
            runs.get(sending.facts.get("scoring_run")), runs.get(sending.facts.get("compared_with")),
        )  # fmt: skip


def _note_arrival(work: Work, parcel: Parcel, receipt: Receipt) -> bool:
    """Whether another one waits for the same destination."""
    with work.fenced():
        receipt.keep()
        Sending.objects.filter(id=parcel.sending.id).update(
            state="arrived", expected=receipt.expected, acknowledged=receipt.acknowledged, outcome=receipt.outcome, ended_at=moment.now(),
            last_error="",
        )  # fmt: skip
        _end_attempt(parcel, True, receipt.words)
        if parcel.delivery.failing_since is not None:
            Delivery.objects.filter(id=parcel.delivery.id).update(failing_since=None)
        more = Sending.objects.filter(destination_id=parcel.delivery.id, state="waiting").exists()
        if not more:
            work.succeed()
        return more


def _note_failure(work: Work, parcel: Parcel, words: str, *, final: bool = False, stop: bool = False) -> None:
    with work.fenced():
        _end_attempt(parcel, False, words)
        now = moment.now()
        delivery = Delivery.objects.select_for_update().get(id=parcel.delivery.id)
        delivery.failing_since = delivery.failing_since or now
        if stop or now - delivery.failing_since > OFF_AFTER:
            delivery.state, delivery.paused_because = "paused", words[:300]
            tell_paused(delivery, parcel.sending, words)
        delivery.save(update_fields=["failing_since", "state", "paused_because"])
        again = None if final else next_try(parcel.sending.attempts)
        still = Sending.objects.filter(id=parcel.sending.id, state="waiting")  # somebody may have dropped it meanwhile
        if again is None:
            still.update(state="dead", last_error=words, ended_at=now)
        else:
            still.update(due_at=again, last_error=words)
        if delivery.state == "active" and (parcel.sending.attempts == TOLD_AT_ATTEMPT or final):
            tell_failing(delivery, parcel.sending, words, again)


def _hold(work: Work, parcel: Parcel, held: Held) -> None:
    with work.fenced():
        _end_attempt(parcel, False, str(held))
        Sending.objects.filter(id=parcel.sending.id, state="waiting").update(
            state="held", last_error=str(held), outcome=held.outcome, attempts=0
        )
        tell_held(parcel.delivery, parcel.sending, str(held))


def _end_attempt(parcel: Parcel, arrived: bool, words: str) -> None:
    Attempt.objects.filter(id=parcel.attempt.id).update(arrived=arrived, words=words, ended_at=moment.now())
