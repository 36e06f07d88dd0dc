"""Erasing what is kept of one record to deliver it. What receivers have got lies with them."""

from __future__ import annotations

from typing import Any

from apps.datasets.forget import rewritten
from apps.deliveries.models import Delivery
from apps.outbox.models import Message, Payload, Sending
from apps.runs.lease import Work, WorkFailed
from apps.runs.models import Run
from apps.workspaces.scope import workspace_scope
from einstein import storage

ERASED = "This e-mail named a record that was erased since."


def forget_deliveries(work: Work, predictions: list[int], key: str) -> list[str]:
    """Names of the destinations that got scores of these predictions: who erases a record asks there too. Safe to run twice.

    Raises `WorkFailed` while something is on its way that may name the record.
    """
    with workspace_scope(work.workspace_id):
        sendings = Sending.objects.filter(subject_id__in=predictions)
        deliveries = list(Delivery.objects.filter(prediction_id__in=predictions).order_by("name", "id"))
        waiting = set(sendings.filter(state__in=["waiting", "held"]).values_list("destination_id", flat=True))
        told = set(sendings.filter(state="arrived").values_list("destination_id", flat=True))
        mails = Message.objects.filter(sending__in=sendings, text__contains=key)
        pending = mails.filter(state="pending").exists()
    late = next((one.name for one in deliveries if one.id in waiting), "its list" if pending else None)
    if late is not None:
        raise WorkFailed(f"Something waits to be sent to {late}. Try again when it is sent, or remove that delivery.")
    for delivery in deliveries:
        _from_files(delivery, key)
    with work.fenced():
        mails.update(text=ERASED, html="")
        Payload.objects.filter(sending__in=sendings).update(body={})  # all of them have been sent
        for sending in sendings.only("id", "outcome", "facts").iterator():
            outcome, facts = scrubbed(sending.outcome, key), scrubbed(sending.facts, key)
            if outcome.get("can_undo"):
                outcome["can_undo"] = False  # what it would be undone with is removed
            if (outcome, facts) != (sending.outcome, sending.facts):
                Sending.objects.filter(id=sending.id).update(outcome=outcome, facts=facts)
        for run in Run.objects.filter(kind="dry_run", subject_id__in=[one.id for one in deliveries]):
            Run.objects.filter(id=run.id).update(outcome=scrubbed(run.outcome, key))
    return [delivery.name for delivery in deliveries if delivery.id in told]


def _from_files(delivery: Delivery, key: str) -> None:
    """The ledger goes on without the record; what was kept to undo earlier runs goes whole, in whatever form a database gave it."""
    for name in storage.keys_below(storage.key_for(delivery.workspace_id, "deliveries", delivery.id)):
        if name == delivery.ledger_key:
            rewritten(name, "key", key)
        else:
            storage.delete(name)


def scrubbed(value: Any, key: str) -> Any:
    """JSON without the rows of lists whose "key" it is, and without it in lists of keys."""
    if isinstance(value, dict):
        return {
            name: [one for one in part if one != key]
            if name.endswith("keys") and isinstance(part, list)
            else scrubbed(part, key)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [scrubbed(part, key) for part in value if not (isinstance(part, dict) and part.get("key") == key)]
    return value
