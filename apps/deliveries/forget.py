"""Erasing what is kept of one record to deliver it. What receivers have got lies with them."""

from __future__ import annotations

from typing import Any

from apps.datasets.forget import rewritten
from apps.deliveries.models import Delivery
from apps.outbox.models import Message, Payload, Sending
from apps.runs.lease import Work, WorkFailed
from apps.runs.models import Run
from apps.workspaces.scope import workspace_scope

ERASED = "This e-mail named a record that was erased since."


def forget_deliveries(work: Work, predictions: list[int], key: str) -> list[str]:
    """Names of the destinations that got scores of these predictions: who erases a record asks there too. Safe to run twice."""
    with workspace_scope(work.workspace_id):
        sendings = Sending.objects.filter(subject_id__in=predictions)
        if Message.objects.filter(sending__in=sendings, state="pending", text__contains=key).exists():
            raise WorkFailed("An e-mail that names the record is on its way. Try again in a few minutes.")
        deliveries = list(Delivery.objects.filter(prediction_id__in=predictions).order_by("name", "id"))
        told = set(sendings.filter(state="arrived").values_list("destination_id", flat=True))
    for delivery in deliveries:
        if delivery.ledger_key:
            rewritten(delivery.ledger_key, "key", key)
    with work.fenced():
        Message.objects.filter(sending__in=sendings, text__contains=key).update(text=ERASED, html="")
        for payload in Payload.objects.filter(sending__in=sendings).iterator():
            body = scrubbed(payload.body, key)
            if body != payload.body:
                Payload.objects.filter(id=payload.id).update(body=body)
        for sending in sendings.only("id", "outcome", "facts").iterator():
            outcome, facts = scrubbed(sending.outcome, key), scrubbed(sending.facts, key)
            if (outcome, facts) != (sending.outcome, sending.facts):
                Sending.objects.filter(id=sending.id).update(outcome=outcome, facts=facts)
        for run in Run.objects.filter(kind="dry_run", subject_id__in=[one.id for one in deliveries]):
            Run.objects.filter(id=run.id).update(outcome=scrubbed(run.outcome, key))
    return [delivery.name for delivery in deliveries if delivery.id in told]


def scrubbed(value: Any, key: str) -> Any:
    """JSON without what is the key, and without the objects in lists that hold it as a value."""
    if isinstance(value, dict):
        return {name: scrubbed(part, key) for name, part in value.items() if part != key}
    if isinstance(value, list):
        return [
            scrubbed(part, key)
            for part in value
            if part != key and not (isinstance(part, dict) and key in part.values())
        ]
    return value
