"""Secrets of customers (passwords, keys) sealed with the installation's keys, so that a copy of the database alone opens nothing.

The newest key seals, all keys open (Fernet: AES-128-CBC with HMAC-SHA256). A sealed text opens only in the workspace it was sealed for.
"""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotOpen(Exception):
    """A secret was sealed with a key that is no longer set, or for another workspace."""


def seal(workspace_id: int, secret: dict[str, Any]) -> str:
    return _keys().encrypt(json.dumps({"w": workspace_id, "s": secret}).encode()).decode()


def unseal(workspace_id: int, sealed: str) -> dict[str, Any]:
    """What was sealed; {} for an empty text."""
    if not sealed:
        return {}
    try:
        opened = json.loads(_keys().decrypt(sealed.encode()))
    except InvalidToken as error:
        raise CannotOpen("The kept secret cannot be opened any more. Enter it again.") from error
    if opened["w"] != workspace_id:
        raise CannotOpen("The kept secret cannot be opened any more. Enter it again.")
    return opened["s"]


def kept(workspace_id: int, sealed: str) -> dict[str, Any]:
    """The secrets that are there; {} when they cannot be opened any more and have to be entered again."""
    try:
        return {name: value for name, value in unseal(workspace_id, sealed).items() if value}
    except CannotOpen:
        return {}


def reseal(sealed: str) -> str:
    """The same secret under the newest key."""
    return _keys().rotate(sealed.encode()).decode() if sealed else sealed


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.SECRET_STORE_KEYS])
