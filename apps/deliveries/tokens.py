"""What lets a widget show one record: a short-lived token minted by the host page's server, or the record's signed address.

Both are signed with a key derived from the installation's secret, the widget and its turn; turning the widget's key ends
every address and token made before. The origin alone is never enough: outside a browser anyone can forge it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass

from django.conf import settings

from apps.deliveries.models import Widget
from apps.workspaces.scope import workspace_scope

TOKEN_SECONDS = 300
CLOCK_ALLOWANCE = 60


class NotAllowed(Exception):
    """The token or address is wrong, old, or for something else. The reason is for the log, never for the caller."""


@dataclass(frozen=True)
class Permission:
    """What a token allows: one record of one prediction, in one widget; `origin` is empty for signed addresses."""

    workspace_id: int
    widget_id: int
    key: str
    origin: str


def mint_token(widget: Widget, key: str, origin: str) -> str:
    """A token for one record on one origin, good for five minutes."""
    body = {"w": widget.workspace_id, "d": widget.id, "k": key, "o": origin, "e": int(time.time()) + TOKEN_SECONDS}
    return _sign("t", body, widget)


def record_address(widget: Widget, key: str) -> str:
    """The record's own unguessable address; it does not end until the widget's key is turned."""
    return _sign("a", {"w": widget.workspace_id, "d": widget.id, "k": key}, widget)


def read_permission(text: str, origin: str) -> Permission:
    """Check a token or address; raises `NotAllowed` for anything that is not exactly right."""
    try:
        kind, encoded, signature = text.split(".")
        body = json.loads(_unpack(encoded))
        workspace_id, widget_id, key = int(body["w"]), int(body["d"]), str(body["k"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotAllowed("malformed") from error
    with workspace_scope(workspace_id):
        widget = Widget.objects.filter(id=widget_id).first()
        if widget is None:
            raise NotAllowed("no such widget")
        expected = _signature(kind, encoded, widget)
    if not hmac.compare_digest(signature, expected):
        raise NotAllowed("wrong signature")
    if kind == "t":
        _refuse_old_or_foreign(body, origin)
    elif kind != "a" or (widget.origins and origin and origin not in widget.origins):
        raise NotAllowed("wrong kind or origin")
    return Permission(workspace_id, widget_id, key, body.get("o", ""))


def _refuse_old_or_foreign(body: dict, origin: str) -> None:
    now = time.time()
    if not now - CLOCK_ALLOWANCE <= body["e"] <= now + TOKEN_SECONDS + CLOCK_ALLOWANCE:
        raise NotAllowed("too old")
    if body["o"] != origin:
        raise NotAllowed("another origin")


def _sign(kind: str, body: dict, widget: Widget) -> str:
    encoded = _pack(json.dumps(body, separators=(",", ":")).encode())
    return f"{kind}.{encoded}.{_signature(kind, encoded, widget)}"


def _signature(kind: str, encoded: str, widget: Widget) -> str:
    key = hmac.digest(
        settings.SECRET_KEY.encode(), f"widget:{widget.workspace_id}:{widget.id}:{widget.turn}".encode(), "sha256"
    )
    return _pack(hmac.new(key, f"{kind}.{encoded}".encode(), hashlib.sha256).digest())


def _pack(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
