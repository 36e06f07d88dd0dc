"""Invitations that were taken or have run out."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.pipeline.retention import Kind, before
from apps.workspaces.models import Invitation


def due(days: int) -> QuerySet:
    return Invitation.objects.filter(expires_at__lt=before(days)).order_by("id")


def remove(rows: list[Invitation]) -> list[str]:
    Invitation.objects.filter(id__in=[row.id for row in rows]).delete()
    return []


KIND = Kind(
    "invitations",
    "Invitations that are over",
    "Whom an invitation went to.",
    "Members, and invitations that still hold.",
    90,
    150,
    due,
    remove,
)
