"""Telling the prediction's owner about a delivery that does not arrive, was held, or was switched off. One e-mail each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from apps.deliveries.models import Delivery
from apps.outbox.models import Sending
from apps.outbox.write import write_email
from apps.workspaces.models import Workspace
from apps.workspaces.people import responsible
from einstein.web.clock_words import local_time


def tell_failing(delivery: Delivery, sending: Sending, words: str, again: datetime | None) -> None:
    zone = Workspace.objects.get(id=delivery.workspace_id).zone
    following = f"It is tried again {local_time(again, zone)}." if again else "It is not tried again by itself."
    _tell(delivery, sending, "failing", f"{delivery.name} does not arrive", "Not delivered", words, following,
          "Mend what the destination complains about, then open the delivery and press Try again.")  # fmt: skip


def tell_held(delivery: Delivery, sending: Sending, words: str) -> None:
    _tell(delivery, sending, "held", f"{delivery.name} waits for you", "Held", words, "Nothing was written; the destination holds the scores of before.",
          "Look at the difference, then press Send anyway or Give up.")  # fmt: skip


def tell_paused(delivery: Delivery, sending: Sending, words: str) -> None:
    _tell(delivery, sending, "paused", f"{delivery.name} was switched off", "Switched off", words, "Nothing is sent until you switch it on again.",
          "Mend the destination, then open the delivery and press Resume. What was not delivered can be sent again.")  # fmt: skip


def _tell(
    delivery: Delivery, sending: Sending, moment: str, subject: str, tag: str, words: str, following: str, todo: str
) -> None:
    workspace = Workspace.objects.get(id=delivery.workspace_id)
    context: dict[str, Any] = {
        "delivery": delivery, "prediction": delivery.prediction, "workspace": workspace, "subject": subject, "tag": tag, "words": words,
        "following": following, "todo": todo, "url": f"{settings.PUBLIC_URL}/w/{workspace.slug}/predictions/{delivery.prediction_id}/deliveries/{delivery.id}/",
    }  # fmt: skip
    text, html = (render_to_string(f"deliveries/email/trouble.{ending}", context) for ending in ("txt", "html"))
    for person in responsible(delivery.prediction.owner_id):
        write_email(person.email, subject, text, html, dedupe_key=f"sending:{sending.id}:{moment}:{person.id}")
