"""Log-ins that are over."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from apps.pipeline.retention import Kind, before


def due(days: int) -> QuerySet:
    return Session.objects.filter(expire_date__lt=before(days)).order_by("expire_date")


def remove(rows: list[Session]) -> list[str]:
    keys = [row.session_key for row in rows]
    UserSession.objects.filter(session_key__in=keys).delete()  # with the address and the browser
    Session.objects.filter(session_key__in=keys).delete()
    return []


KIND = Kind(
    "sessions",
    "Log-ins that are over",
    "The session, its address and browser.",
    "Whoever is logged in.",
    1,
    200,
    due,
    remove,
    inside=False,
)
