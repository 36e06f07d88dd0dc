"""Reads that delivery pages need, in a constant number of queries."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Prefetch, Subquery

from apps.deliveries.models import Delivery, Widget
from apps.outbox.models import Attempt, Sending
from apps.predictions.models import Prediction

SHOWN_SENDINGS = 30


def deliveries_of(prediction: Prediction) -> list[Delivery]:
    """The deliveries of a prediction, each with its newest sending as `newest`."""
    newest = Sending.objects.filter(destination_id=OuterRef("id")).order_by("-id").values("id")[:1]
    found = list(
        Delivery.objects.filter(prediction=prediction).annotate(newest_id=Subquery(newest)).order_by("-created_at")
    )
    sendings = Sending.objects.in_bulk([delivery.newest_id for delivery in found if delivery.newest_id])
    for delivery in found:
        delivery.newest = sendings.get(delivery.newest_id)
    return found


def widgets_of(prediction: Prediction) -> list[Widget]:
    return list(Widget.objects.filter(prediction=prediction).order_by("-created_at"))


def sendings_of(delivery: Delivery) -> list[Sending]:
    """The newest sendings with all their attempts."""
    tries = Prefetch("tries", Attempt.objects.order_by("id"))
    return list(
        Sending.objects.filter(destination_id=delivery.id).prefetch_related(tries).order_by("-id")[:SHOWN_SENDINGS]
    )


def proof_of_arrival(sendings: list[Sending]) -> dict[str, Any]:
    """Expected against acknowledged, over the sendings shown that have ended with something to say."""
    counted = [
        sending for sending in sendings if sending.state == "arrived" and sending.expected and sending.event != "undo"
    ]
    return {
        "expected": sum(sending.expected or 0 for sending in counted),
        "acknowledged": sum(sending.acknowledged for sending in counted),
    }
