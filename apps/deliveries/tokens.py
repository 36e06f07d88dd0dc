"""What lets a widget show something: a short-lived token minted by the host page's server, or a record's signed address.

All are signed with a key derived from the installation's secret, the widget and its turn; turning the widget's key ends
every address and token made before. The origin alone is never enough: outside a browser anyone can forge it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

from django.conf import settings

from apps.deliveries.models import Widget
from apps.workspaces.scope import workspace_scope
from einstein.postgres import moment

TOKEN_SECONDS = 300
CLOCK_ALLOWANCE = 60
MOST_LISTED = 50


class NotAllowed(Exception):
    """The token or address is wrong, old, or for something else. The reason is for the log, never for the caller.

    `status` is 403 for a true token that is used where it may not be, otherwise 401. `fault` is what the widget's owner can mend: "old",
    "origin" or "record"; `widget` whose true token or address it was, None when it was none.
    """

    def __init__(self, reason: str, status: int = 401, fault: str = "") -> None:
        super().__init__(reason)
        self.status, self.fault = status, fault
        self.widget: Widget | None = None


@dataclass(frozen=True)
class Permission:
    """What a token allows in one widget: one record (`key`), or the `top` highest scores; `origin` is empty for signed addresses."""

    workspace_id: int
    widget_id: int
    key: str
    origin: str
    top: int = 0
    ends: int = 0


def mint_token(widget: Widget, key: str, origin: str, seconds: int = TOKEN_SECONDS) -> str:
    """A token for one record on one origin, good for five minutes."""
    body = {
        "w": widget.workspace_id,
        "d": widget.id,
        "k": key,
        "o": origin,
        "e": int(moment.now().timestamp()) + seconds,
    }
    return _sign("t", body, widget)


def mint_list_token(widget: Widget, top: int, origin: str) -> str:
    """A token for the highest scores on one origin, good for five minutes. It shows no single record's card."""
    body = {
        "w": widget.workspace_id,
        "d": widget.id,
        "n": top,
        "o": origin,
        "e": int(moment.now().timestamp()) + TOKEN_SECONDS,
    }
    return _sign("l", body, widget)


def record_address(widget: Widget, key: str) -> str:
    """The record's own unguessable address; it does not end until the widget's key is turned."""
    return _sign("a", {"w": widget.workspace_id, "d": widget.id, "k": key}, widget)


def frame_key(widget: Widget) -> str:
    """What names a widget's frame page: it shows nothing by itself, but says which pages may hold the frame."""
    return _sign("f", {"w": widget.workspace_id, "d": widget.id}, widget)


def read_frame_key(text: str) -> tuple[int, int, list[str]]:
    """(workspace, widget, origins that may hold the frame); raises `NotAllowed`."""
    kind, body, widget = _opened(text)
    if kind != "f":
        raise NotAllowed("no frame key")
    return widget.workspace_id, widget.id, widget.origins


def read_permission(text: str, origin: str, frame: str = "") -> Permission:
    """Check a token or address; raises `NotAllowed` for anything that is not exactly right.

    A widget's own frame page asks from the installation's origin: with its frame key the browser has seen to the page around it.
    """
    kind, body, widget = _opened(text)
    try:
        return _permission(kind, body, widget, origin, frame)
    except NotAllowed as refusal:
        refusal.widget = widget
        raise


def _permission(kind: str, body: dict, widget: Widget, origin: str, frame: str) -> Permission:
    if frame:
        if origin not in {"", settings.PUBLIC_URL}:
            raise NotAllowed("a frame asks from our own origin", 403)
        if read_frame_key(frame)[:2] != (widget.workspace_id, widget.id):
            raise NotAllowed("another widget's frame", 403)
        origin = body.get("o", "")
    if kind in {"t", "l"}:
        _refuse_old_or_foreign(body, origin)
    elif kind != "a":
        raise NotAllowed("wrong kind")
    elif widget.origins and origin and origin not in widget.origins:
        raise NotAllowed("another origin", 403, "origin")
    return Permission(
        widget.workspace_id, widget.id, str(body.get("k", "")), str(body.get("o", "")), int(body.get("n", 0)) if kind == "l" else 0, int(body.get("e", 0))
    )  # fmt: skip


def _opened(text: str) -> tuple[str, dict, Widget]:
    """(kind, body, widget) of something we signed with the widget's key of now, under the installation's secret or one before it."""
    try:
        kind, encoded, signature = text.split(".")
        body = json.loads(_unpack(encoded))
        workspace_id, widget_id = body["w"], body["d"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotAllowed("malformed") from error
    if not all(type(number) is int and 0 < number < 2**63 for number in (workspace_id, widget_id)):
        raise NotAllowed("malformed")
    with workspace_scope(workspace_id):
        widget = Widget.objects.filter(id=widget_id).first()
        if widget is None:
            raise NotAllowed("no such widget")
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    expected = [_signature(kind, encoded, widget, secret) for secret in secrets]
    if not any(hmac.compare_digest(signature.encode(), one.encode()) for one in expected):
        raise NotAllowed("wrong signature")
    return kind, body, widget


def _refuse_old_or_foreign(body: dict, origin: str) -> None:
    now = moment.now().timestamp()
    if not now - CLOCK_ALLOWANCE <= body["e"] <= now + TOKEN_SECONDS + CLOCK_ALLOWANCE:
        raise NotAllowed("too old", fault="old")
    if body["o"] != origin:
        raise NotAllowed("another origin", 403, "origin")


def _sign(kind: str, body: dict, widget: Widget) -> str:
    encoded = _pack(json.dumps(body, separators=(",", ":")).encode())
    return f"{kind}.{encoded}.{_signature(kind, encoded, widget, settings.SECRET_KEY)}"


def _signature(kind: str, encoded: str, widget: Widget, secret: str) -> str:
    key = hmac.digest(secret.encode(), f"widget:{widget.workspace_id}:{widget.id}:{widget.turn}".encode(), "sha256")
    return _pack(hmac.new(key, f"{kind}.{encoded}".encode(), hashlib.sha256).digest())


def _pack(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
