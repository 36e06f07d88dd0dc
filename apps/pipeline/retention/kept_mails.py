"""Mail kept for the operators where no SMTP server is set."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.outbox.models import KeptMail
from apps.pipeline.retention import Kind, before


def due(days: int) -> QuerySet:
    return KeptMail.objects.filter(kept_at__lt=before(days)).order_by("id")


def remove(rows: list[KeptMail]) -> list[str]:
    KeptMail.objects.filter(id__in=[row.id for row in rows]).delete()
    return []


KIND = Kind(
    "kept_mails", "Mail kept for operators", "Text and address.", "Nothing.", 30, 230, due, remove, inside=False
)
