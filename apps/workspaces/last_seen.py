"""Keeps when, from where and with which browser each session was last used, so that its owner can see it."""

from __future__ import annotations

import time
from collections.abc import Callable

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse

EVERY_SECONDS = 300
REMEMBERED = 10_000

_noted: dict[str, tuple[float, tuple[str, str]]] = {}


class LastSeen:
    """One statement a session in five minutes and process, and at once when its address or browser changes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.session.session_key
        if key and not _is_noted(key, _how(request)) and request.user.is_authenticated:
            _note(request, key)
        return self.get_response(request)


def _how(request: HttpRequest) -> tuple[str, str]:
    longest = UserSession._meta.get_field("user_agent").max_length
    return get_adapter().get_client_ip(request), request.headers.get("User-Agent", "")[:longest]


def _is_noted(key: str, how: tuple[str, str]) -> bool:
    if key not in _noted:
        return False
    at, before = _noted[key]
    return before == how and time.monotonic() - at < EVERY_SECONDS


def _note(request: HttpRequest, key: str) -> None:
    address, agent = _how(request)
    row = UserSession.objects.filter(session_key=key)
    if not row.update(ip=address, user_agent=agent, last_seen_at=Now()):
        UserSession.objects.create_from_request(request)
    if len(_noted) >= REMEMBERED:
        _noted.clear()
    _noted[key] = time.monotonic(), (address, agent)
