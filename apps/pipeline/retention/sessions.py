"""Log-ins that are over."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from apps.pipeline.retention import Kind, before


def due(days: int) -> QuerySet:
    return Session.objects.filter(expire_date__lt=before(days)).order_by("expire_date")


def remove(rows: list[Session]) -> list[str]:
    Session.objects.filter(session_key__in=[row.session_key for row in rows]).delete()
    return []


KIND = Kind(
    "sessions", "Log-ins that are over", "The session.", "Whoever is logged in.", 1, 200, due, remove, inside=False
)
