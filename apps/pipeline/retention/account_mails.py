"""E-mails about accounts, such as a link to a new password."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.outbox.models import AccountMessage
from apps.pipeline.retention import Kind, before


def due(days: int) -> QuerySet:
    ended = AccountMessage.objects.filter(state__in=["sent", "dead"], created_at__lt=before(days))
    return ended.order_by("id")


def remove(rows: list[AccountMessage]) -> list[str]:
    AccountMessage.objects.filter(id__in=[row.id for row in rows]).delete()
    return []


KIND = Kind(
    "account_mails", "E-mails about accounts", "Text and address.", "What waits.", 30, 220, due, remove, inside=False
)
