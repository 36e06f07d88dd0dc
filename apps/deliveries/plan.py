"""What is to be sent, written into the outbox in the transaction of its cause: a scoring run, a planned time, an alert, a person's wish."""

from __future__ import annotations

from typing import Any

from apps.deliveries.channels import registry
from apps.deliveries.channels.base import Channel
from apps.deliveries.models import Delivery
from apps.deliveries.which import Which
from apps.outbox.models import Sending
from apps.outbox.write import write_sending
from apps.scoring.models import ScoringRun
from apps.scoring.score import newest_run
from apps.workspaces import audit
from apps.workspaces.models import User
from einstein.postgres import moment
from einstein.sealed import unseal


def channel_of(delivery: Delivery) -> Channel:
    """The destination, ready to be used; raises `CannotOpen` when its secret cannot be opened."""
    return registry()[delivery.kind](delivery.settings, unseal(delivery.workspace_id, delivery.sealed))


def plan_run(run: ScoringRun) -> list[int]:
    """Every delivery that follows each scoring; the numbers of those with something to send now.

    Called in the transaction that keeps the scores, so that none is forgotten.
    """
    found = Delivery.objects.filter(prediction_id=run.prediction_id, state="active", schedule="run")
    return [delivery.id for delivery in found if plan(delivery, run, f"run:{run.id}")]


def plan(delivery: Delivery, run: ScoringRun, cause: str) -> list[Sending]:
    """Put a run's scores for one delivery into the outbox, once a `cause`.

    What takes the place of one that still waits is compared with what that one was to be compared with, so that no crossing is lost.
    """
    channel = registry()[delivery.kind](delivery.settings, {})
    if Sending.objects.filter(dedupe_key__in=[f"{cause}:{event}:{delivery.id}" for event in channel.events()]).exists():
        return []
    compared_with = delivery.compared_with_id
    if channel.supersedes:
        older = Sending.objects.filter(destination_id=delivery.id, state__in=["waiting", "held"], event="scores")
        oldest = older.order_by("id").first()
        compared_with = oldest.facts.get("compared_with") if oldest else compared_with
        older.update(state="dropped", ended_at=moment.now(), last_error="Newer scores took its place.")
    written = [
        write_sending(
            delivery.id, delivery.prediction_id, event, dedupe_key=f"{cause}:{event}:{delivery.id}", scoring_run=run.id,
            compared_with=compared_with,
        )
        for event in channel.events()
    ]  # fmt: skip
    Delivery.objects.filter(id=delivery.id).update(compared_with=run)
    return written


def plan_now(delivery: Delivery, user: User) -> list[Sending]:
    """Send the newest scores because somebody asks."""
    run = newest_run(delivery.prediction)
    if run is None:
        return []
    audit.record(user, "delivery asked for", delivery.name)
    if Which.from_json(delivery.which).kind == "top":
        delivery.compared_with = None  # whoever asks wants to see the top, entered or not
    return plan(delivery, run, f"asked:{moment.now().isoformat()}")


def plan_alert(delivery: Delivery, alert_id: int, facts: dict[str, Any]) -> Sending:
    """Tell a destination that an alert was opened."""
    return write_sending(
        delivery.id, delivery.prediction_id, "alert.opened", dedupe_key=f"alert:{alert_id}:{delivery.id}", alert=facts
    )


def undo(sending: Sending, delivery: Delivery, user: User) -> Sending:
    """Put back what a destination held before a sending. The delivery stops until somebody lets it go on, or the next run would write it again."""
    audit.record(user, "delivery undone", delivery.name)
    waiting = Sending.objects.filter(destination_id=delivery.id, state__in=["waiting", "held"]).exclude(event="undo")
    waiting.update(state="dropped", ended_at=moment.now(), last_error="Somebody undid the run before.")
    Delivery.objects.filter(id=delivery.id).update(state="active", paused_because="")  # until it is done
    key = f"undo:{sending.id}:{sending.ended_at.isoformat() if sending.ended_at else ''}"
    written = write_sending(delivery.id, delivery.prediction_id, "undo", dedupe_key=key, undoes=sending.id)
    Sending.objects.filter(id=written.id, state__in=["dead", "dropped"]).update(
        state="waiting", attempts=0, due_at=moment.now(), ended_at=None
    )
    return written


def replay(sending: Sending, delivery: Delivery, user: User) -> None:
    """Try a dead, held or dropped sending again, from the first attempt on; what was acknowledged is not sent twice.

    Where newer scores have arrived already, older ones must not be laid over them.
    """
    later = Sending.objects.filter(destination_id=delivery.id, id__gt=sending.id, event=sending.event, state="arrived")
    if registry()[delivery.kind].replaces(delivery.settings) and later.exists():
        Sending.objects.filter(id=sending.id).update(state="dropped", last_error="Newer scores have arrived since.")
        return
    audit.record(user, "delivery replayed", delivery.name)
    facts = sending.facts | {"let_through": True}
    Sending.objects.filter(id=sending.id, state__in=["dead", "held", "dropped"]).update(
        state="waiting", attempts=0, due_at=moment.now(), last_error="", ended_at=None, facts=facts
    )


def drop(sending: Sending, delivery: Delivery, user: User) -> None:
    """Give a waiting or held sending up."""
    audit.record(user, "delivery dropped", delivery.name)
    Sending.objects.filter(id=sending.id, state__in=["waiting", "held"]).update(
        state="dropped", ended_at=moment.now(), last_error=f"{user} gave it up."
    )
