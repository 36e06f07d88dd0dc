"""Where a person is logged in: listed with address and browser, ended one by one or all at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.workspaces.browsers import browser_words
from apps.workspaces.models import User

SHOWN = 100
UNKNOWN_ADDRESS = "::"  # as IPv6 writes "unspecified"


@dataclass(frozen=True)
class LogIn:
    """One living session, for its owner's eyes."""

    id: int
    browser: str
    address: str
    since: datetime
    seen: datetime
    current: bool


def sessions_of(user: User, current_key: str) -> list[LogIn]:
    """The person's living sessions, the one that asks first, then by when they were last seen."""
    rows = list(UserSession.objects.filter(user=user).order_by("-last_seen_at", "-id")[:SHOWN])
    alive = _alive(user, [row.session_key for row in rows])
    found = [_shown(row, current_key) for row in rows if row.session_key in alive]
    return sorted(found, key=lambda one: not one.current)


def end_sessions(user: User, but: str = "") -> None:
    """Log a person out everywhere, or everywhere else."""
    _end(UserSession.objects.filter(user=user).exclude(session_key=but))


def end_session(user: User, session_id: int, but: str) -> bool:
    """End one session of this person; False when it is not hers, or gone already."""
    return _end(UserSession.objects.filter(user=user, id=session_id).exclude(session_key=but))


def _end(rows: QuerySet[UserSession]) -> bool:
    keys = list(rows.values_list("session_key", flat=True))  # once, so that a log-in meanwhile keeps its row
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(session_key__in=keys).delete()
    return bool(keys)


def _alive(user: User, keys: list[str]) -> set[str]:
    """Those that still open something: not ended, not run out, begun with the password of today."""
    kept = Session.objects.filter(session_key__in=keys, expire_date__gt=Now())
    proof = user.get_session_auth_hash()
    return {session.session_key for session in kept if session.get_decoded().get(HASH_SESSION_KEY) == proof}


def _shown(row: UserSession, current_key: str) -> LogIn:
    address = "unknown" if row.ip == UNKNOWN_ADDRESS else row.ip
    return LogIn(
        row.id, browser_words(row.user_agent), address, row.created_at, row.last_seen_at, row.session_key == current_key
    )
