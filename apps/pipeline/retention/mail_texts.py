"""The texts of e-mails that have left or were given up."""

from __future__ import annotations

from django.db.models import DateTimeField, QuerySet
from django.db.models.functions import Coalesce

from apps.outbox.models import Message
from apps.pipeline.retention import Kind, before


def ended_before(days: int) -> QuerySet:
    """E-mails that ended so many days ago."""
    ended = Message.objects.filter(state__in=["sent", "dead"]).annotate(
        ended=Coalesce("sent_at", "created_at", output_field=DateTimeField())
    )
    return ended.filter(ended__lt=before(days)).order_by("id")


def due(days: int) -> QuerySet:
    return ended_before(days).exclude(text="")


def remove(rows: list[Message]) -> list[str]:
    Message.objects.filter(id__in=[row.id for row in rows]).update(text="", html="", picture=None)
    return []


KIND = Kind(
    "mail_texts",
    "Texts of e-mails",
    "What an e-mail said, word for word.",
    "Whom it went to, its subject and when.",
    30,
    110,
    due,
    remove,
)
