"""Combinations of settings that are harmless on one's own machine and refused as soon as others can reach the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import environ
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
LEAST_LEASE_SECONDS = 10  # a heartbeat comes each tenth of it, and must survive a busy database


@dataclass(frozen=True)
class Rule:
    """What must not be, in words, and how to mend it."""

    id: str
    broken: Callable[[], bool]
    words: str
    hint: str
    kind: type[CheckMessage] = Error


RULES = [
    Rule("einstein.E002", lambda: settings.DEBUG, "Debug pages are on; they show settings and data to everybody.", "Unset EINSTEIN_DEBUG."),
    Rule(
        "einstein.E003", lambda: not settings.SECURE, "EINSTEIN_PUBLIC_URL is no https address: passwords would travel readable.",
        "Put a proxy that speaks TLS in front, and set EINSTEIN_PUBLIC_URL to its https address (and EINSTEIN_BEHIND_PROXY=true).",
    ),
    Rule(
        "einstein.E004", lambda: not settings.EMBEDDED_POSTGRES and not settings.SECRETS_GIVEN,
        "The database can be used by several hosts, but this one made its own keys: sessions and customers' passwords would open on this host alone.",
        "Set EINSTEIN_SECRET_KEY and EINSTEIN_SECRET_STORE_KEYS, the same on every host. `manage.py show_keys` prints those in use here.",
    ),
    Rule(
        "einstein.E005", lambda: "*" in settings.ALLOWED_HOSTS, "The server answers to any host name, so links in mails could lead elsewhere.",
        "Name the hosts in EINSTEIN_ALLOWED_HOSTS.",
    ),
    Rule(
        "einstein.E006", lambda: settings.LEASE_SECONDS < LEAST_LEASE_SECONDS,
        "A worker loses its run after so few seconds of silence that a short stall of the database does the work twice.",
        f"Set EINSTEIN_LEASE_SECONDS to {LEAST_LEASE_SECONDS} or more; the default is 20.",
    ),
    Rule(
        "einstein.E007", lambda: _user(settings.DATABASE_URL) == _user(settings.DATABASE_OWNER_URL),
        "DATABASE_URL and DATABASE_OWNER_URL name the same role: the walls between workspaces would not hold.",
        "Give DATABASE_URL a plain role of its own; docs/operating.md shows the four commands.",
    ),
    Rule(
        "einstein.E008", lambda: settings.NO_LOGIN_LIMITS, "Log-ins are not throttled: passwords could be guessed.",
        "Unset EINSTEIN_NO_LOGIN_LIMITS; it is for tests.",
    ),
    Rule(
        "einstein.W001", lambda: not settings.EMBEDDED_POSTGRES and _is_folder(settings.STORAGE_URL),
        "Files go to a folder of this host, and the database can be used by several: another host would not find them.",
        "Set EINSTEIN_STORAGE_URL to an object store, or to a folder that every host mounts; on a single host all is well.", Warning,
    ),
]  # fmt: skip


@register()
def settings_are_safe_for_others(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not others_reach_us():
        return []
    return [rule.kind(rule.words, hint=rule.hint, id=rule.id) for rule in RULES if rule.broken()]


def others_reach_us() -> bool:
    """Whether the server listens to other machines, or a proxy on this one passes them on."""
    return not settings.ON_LOOPBACK or urlsplit(settings.PUBLIC_URL).hostname not in LOOPBACK


def _user(url: str) -> str | None:
    return environ.Env.db_url_config(url).get("USER") if url else None


def _is_folder(address: str) -> bool:
    return "://" not in address or address.startswith("file://")
