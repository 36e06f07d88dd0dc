"""Writing into the outbox, in the transaction of the cause. The same `dedupe_key` a second time changes nothing."""

from __future__ import annotations

import secrets
from email.utils import make_msgid
from typing import Any

from apps.outbox.models import Message, Sending


def write_sending(destination_id: int, subject_id: int, event: str, *, dedupe_key: str, **facts: Any) -> Sending:
    """Put something for a destination into the outbox; `facts` say what it is about."""
    values = {
        "destination_id": destination_id,
        "subject_id": subject_id,
        "event": event,
        "event_id": f"evt_{secrets.token_hex(14)}",
        "facts": facts,
    }
    sending, _ = Sending.objects.get_or_create(dedupe_key=dedupe_key, defaults=values)
    return sending


def write_email(
    to: str, subject: str, text: str, html: str = "", *, dedupe_key: str, sending: Sending | None = None, unsubscribe_url: str = "",
    picture: bytes | None = None, thread: str = "",
) -> Message:  # fmt: skip
    """Queue one e-mail, as part of a `sending` where it is one. The HTML shows `picture`, a PNG, as cid:picture; `thread` is what it follows."""
    values = {
        "to": to,
        "subject": " ".join(subject.split())[:250],
        "text": text,
        "html": html,
        "message_id": make_msgid(domain="einstein"),
        "sending": sending,
        "unsubscribe_url": unsubscribe_url,
        "picture": picture,
        "thread": thread,
    }
    message, _ = Message.objects.get_or_create(dedupe_key=dedupe_key, defaults=values)
    return message
