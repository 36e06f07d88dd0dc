"""The bodies of what was sent to web addresses."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from apps.outbox.models import Payload, Sending
from apps.pipeline.retention import Kind, before

ENDED = ["arrived", "dead", "dropped"]


def due(days: int) -> QuerySet:
    bodies = Payload.objects.filter(sending=OuterRef("id"))
    return Sending.objects.filter(Exists(bodies), state__in=ENDED, ended_at__lt=before(days)).order_by("id")


def remove(rows: list[Sending]) -> list[str]:
    """What is tried again later is prepared anew, from the scores: its number stays, by which a receiver knows it."""
    Payload.objects.filter(sending__in=rows).delete()
    for row in rows:
        row.facts.pop("prepared", None)
    Sending.objects.bulk_update(rows, ["facts"])
    return []


KIND = Kind(
    "payloads", "Bodies of what was sent", "The messages to web addresses, word for word.", "That they were sent, when, what was answered, and how many records arrived.",
    30, 90, due, remove,
)  # fmt: skip
