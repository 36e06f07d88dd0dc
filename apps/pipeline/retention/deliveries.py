"""What was delivered when, with each attempt. Files that were kept to undo it are swept, once no row speaks of them."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from apps.outbox.models import Sending
from apps.pipeline.retention import Kind, before
from apps.pipeline.retention.payloads import ENDED


def due(days: int) -> QuerySet:
    later = Sending.objects.filter(destination_id=OuterRef("destination_id"), id__gt=OuterRef("id"))
    old = Sending.objects.filter(Exists(later), state__in=ENDED, ended_at__lt=before(days))
    return old.exclude(outcome__contains={"can_undo": True}).order_by("id")


def remove(rows: list[Sending]) -> list[str]:
    Sending.objects.filter(id__in=[row.id for row in rows]).delete()
    return []


KIND = Kind(
    "deliveries", "Deliveries that have ended", "What was sent when, each attempt and its answer.", "The last one of each delivery, and one that can still be undone.",
    180, 100, due, remove, least=7,
)  # fmt: skip
