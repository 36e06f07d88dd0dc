"""Addresses that refuse mail for good: told by the mail server at once, or by a bounce that comes back later (RFC 3464)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

from django.db import connection
from django.dispatch import Signal

from apps.outbox.models import Message, RefusedAddress
from apps.workspaces.scope import current_workspace_id, workspace_scope

# Of enhanced status codes (RFC 3463) those that say that the address is bad, 5.1.x, or its mailbox is closed, 5.2.1. Others blame us, the
# content or a full mailbox, so the next mail may well arrive.
BAD_ADDRESS = re.compile(r"\b5\.(?:1\.\d{1,3}|2\.1)\b")
ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
BAD_MAILBOX = {550, 551, 553}  # of plain codes (RFC 5321), where the server gives no enhanced one
MOST_BYTES = 2_000_000
MOST_WORDS = 300

address_refused = Signal()  # within the workspace; tells those who plan mail


@dataclass(frozen=True)
class Bounce:
    """What a bounce says: of which mail of ours, which address refused it, in the server's words."""

    message_id: str
    email: str
    words: str


def is_bad_address(code: int, words: str) -> bool:
    """Whether an answer of a mail server means that the address itself is no good."""
    return bool(BAD_ADDRESS.search(words)) or (code in BAD_MAILBOX and not ENHANCED.search(words))


def note_refused(email: str, words: str) -> None:
    """Remember that an address refuses mail; the workspace in scope writes to it no more."""
    values = {"words": " ".join(words.split())[:MOST_WORDS]}
    RefusedAddress.objects.update_or_create(email=email.lower(), defaults=values)
    address_refused.send(sender=RefusedAddress, workspace_id=current_workspace_id(), email=email)


def refused_addresses() -> set[str]:
    """Those of the workspace in scope, in small letters."""
    return set(RefusedAddress.objects.values_list("email", flat=True))


def read_bounce(content: bytes) -> Bounce | None:
    """A bounce that says for good that an address is bad; None for any other mail, delays and absences among them."""
    mail = message_from_bytes(content[:MOST_BYTES], policy=policy.default)
    status = next((part for part in mail.walk() if part.get_content_type() == "message/delivery-status"), None)
    returned = next(
        (part for part in mail.walk() if part.get_content_type() in {"message/rfc822", "text/rfc822-headers"}), None
    )
    if status is None or returned is None:
        return None
    fields = "\n".join(str(part) for part in _parts(status))
    told = dict(re.findall(r"(?im)^(action|status|final-recipient|diagnostic-code):\s*(.+)$", fields)[::-1])
    told = {name.lower(): value.strip() for name, value in told.items()}
    words = f"{told.get('status', '')} {told.get('diagnostic-code', '')}".strip()
    known = re.search(r"(?im)^message-id:\s*(<[^<>\s]+>)", "\n".join(str(part) for part in _parts(returned)))
    if told.get("action", "").lower() != "failed" or known is None or not BAD_ADDRESS.search(words):
        return None
    return Bounce(known[1], told.get("final-recipient", "").rpartition(";")[2].strip(), words)


def _parts(part: EmailMessage) -> list:
    payload = part.get_payload()
    return payload if isinstance(payload, list) else [part.get_content() if isinstance(payload, str) else payload]


def take_bounce(content: bytes) -> str:
    """Act on a bounce; what became of it in a sentence. Only a mail of ours counts, and only the address it went to."""
    bounce = read_bounce(content)
    if bounce is None:
        return "This is no bounce that says an address is bad. Nothing was done."
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, id FROM message_of(%s)", [bounce.message_id])
        found = cursor.fetchone()
    if found is None:
        return "The mail that came back is none of ours, or is no longer known. Nothing was done."
    workspace_id, message_id = found
    with workspace_scope(workspace_id):
        message = Message.objects.get(id=message_id)
        if bounce.email and bounce.email.lower() != message.to.lower():
            return "The address that refused is not the one we wrote to. Nothing was done."
        message.state, message.last_error = "dead", f"came back: {bounce.words}"[:500]
        message.save(update_fields=["state", "last_error"])
        note_refused(message.to, bounce.words)
    return f"{message.to} refuses mail; nothing more is sent there before somebody says so."
