"""Setting a delivery up: connected, pointed at a table, planned. Secrets go in sealed and never come out to a page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import transaction

from apps.datasets.lane import lane_of
from apps.datasets.models import Source
from apps.deliveries.channels import registry
from apps.deliveries.channels.base.table import Target
from apps.deliveries.models import Delivery
from apps.deliveries.plan import plan_now
from apps.deliveries.which import Which
from apps.outbox.models import Sending
from apps.predictions.models import Prediction
from apps.runs.models import Run
from apps.runs.queue import enqueue
from apps.scoring.score import newest_run
from apps.workspaces import audit
from apps.workspaces.models import User
from einstein.sealed import kept, seal


def known_connection(prediction: Prediction, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(settings, secret) of the dataset's own source when it is of this kind: what was entered there need not be entered again."""
    source = Source.objects.filter(dataset=prediction.dataset, kind=kind).first()
    return (source.settings, kept(source.workspace_id, source.sealed)) if source else ({}, {})


def connect(
    prediction: Prediction, kind: str, settings: dict[str, Any], secret: dict[str, Any], user: User
) -> Delivery:
    """Keep a new destination as a draft."""
    channel = registry()[kind]
    with transaction.atomic():
        delivery = Delivery.objects.create(
            prediction=prediction, kind=kind, name=f"{channel.title}: {channel(settings, secret).place}"[:120], settings=settings,
            sealed=seal(prediction.workspace_id, secret), which=Which().to_json(), schedule=channel.schedule, created_by=user,
        )  # fmt: skip
        audit.record(user, "delivery connected", delivery.name, kind=kind)
    return delivery


def change_connection(delivery: Delivery, settings: dict[str, Any], secret: dict[str, Any], user: User) -> None:
    moved = any(delivery.settings.get(name) != settings.get(name) for name in registry()[delivery.kind].leads_to)
    delivery.settings = delivery.settings | settings
    delivery.sealed, delivery.failing_since = seal(delivery.workspace_id, secret), None
    delivery.save(update_fields=["settings", "sealed", "failing_since"])
    if moved:
        _forget_what_was_written(delivery)
    audit.record(user, "delivery changed", delivery.name, kind=delivery.kind)


def point_at(delivery: Delivery, target: Target, user: User) -> None:
    """Decide which table is written to. Another table holds nothing from us yet."""
    before = delivery.settings.get("target")
    if before != asdict(target):
        delivery.settings = delivery.settings | {"target": asdict(target)}
        delivery.save(update_fields=["settings"])
        _forget_what_was_written(delivery)
        audit.record(user, "delivery target chosen", delivery.name, table=target.words)


def _forget_what_was_written(delivery: Delivery) -> None:
    """Another database or table holds nothing from us yet, and nothing of it can be undone."""
    delivery.ledger_key = ""
    delivery.save(update_fields=["ledger_key"])
    Sending.objects.filter(destination_id=delivery.id, outcome__can_undo=True).update(outcome={})
    for sending in Sending.objects.filter(destination_id=delivery.id, state__in=["waiting", "held", "dead"]):
        # What was there before, noted by an attempt on the other target, is nothing to go back to here.
        sending.facts = {
            name: value for name, value in sending.facts.items() if name not in {"before", "ledger_before"}
        }
        sending.save(update_fields=["facts"])


def plan(delivery: Delivery, answers: dict[str, Any], which: Which, user: User) -> None:
    """Set which records go and when; rules look at what happens from now on."""
    delivery.name, delivery.which = answers["name"], which.to_json()
    delivery.schedule, delivery.schedule_hour, delivery.schedule_weekday = (
        answers["schedule"],
        answers["hour"],
        answers["weekday"],
    )
    own = {name: answers[name] for name in ("hold_percent", "expires_days", "text") if answers.get(name) is not None}
    delivery.settings = delivery.settings | own
    if delivery.state == "draft":
        delivery.compared_with = newest_run(delivery.prediction)
    delivery.state, delivery.next_run_at, delivery.paused_because = "active", None, ""  # the clock plans anew
    changed = [
        "name",
        "which",
        "schedule",
        "schedule_hour",
        "schedule_weekday",
        "settings",
        "compared_with",
        "state",
        "next_run_at",
        "paused_because",
    ]
    delivery.save(update_fields=changed)
    audit.record(user, "delivery planned", delivery.name, schedule=delivery.schedule, which=which.kind)
    if answers.get("now"):
        plan_now(delivery, user)


def pause(delivery: Delivery, user: User) -> None:
    delivery.state, delivery.paused_because = "paused", f"Paused by {user}."
    delivery.save(update_fields=["state", "paused_because"])
    audit.record(user, "delivery paused", delivery.name)


def resume(delivery: Delivery, user: User) -> None:
    delivery.state, delivery.paused_because, delivery.failing_since, delivery.next_run_at = "active", "", None, None
    delivery.save(update_fields=["state", "paused_because", "failing_since", "next_run_at"])
    audit.record(user, "delivery resumed", delivery.name)


def remove(delivery: Delivery, user: User) -> None:
    """Delete a delivery with what waits for it. What was written stays at its destination."""
    audit.record(user, "delivery deleted", delivery.name, kind=delivery.kind)
    Sending.objects.filter(destination_id=delivery.id).delete()
    delivery.delete()


def try_out(delivery: Delivery, user: User) -> Run:
    """Have a worker do everything a write would do, and take it back."""
    lane = lane_of(delivery.prediction.dataset_id)
    return enqueue("dry_run", delivery.id, queue=lane, unique_key=f"dry_run:{delivery.id}", by=user)


def new_signing_secret(delivery: Delivery, user: User) -> None:
    """Make a new secret; what was signed with the old one stays valid for its receiver only as long as she keeps that."""
    delivery.sealed = seal(
        delivery.workspace_id, kept(delivery.workspace_id, delivery.sealed) | registry()[delivery.kind].generated()
    )
    delivery.save(update_fields=["sealed"])
    audit.record(user, "delivery secret made anew", delivery.name)
