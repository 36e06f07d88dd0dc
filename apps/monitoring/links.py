"""Signed links in e-mails: whoever holds one may answer one incident, or stop mails to one address, and nothing else, without logging in."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.core import signing

from apps.monitoring.models import Incident

ANSWER, LEAVE, JOIN = "monitoring.answer", "monitoring.leave", "monitoring.join"
DAYS = 30 * 86_400


@dataclass(frozen=True)
class Holder:
    """What a link says: a workspace, an address, and the incident or recipient it is about (0 for none)."""

    workspace_id: int
    email: str
    subject_id: int = 0


def answer_url(incident: Incident, email: str) -> str:
    """Where the receiver of an e-mail acknowledges or snoozes."""
    return _url("answer", ANSWER, Holder(incident.workspace_id, email, incident.id))


def leave_url(workspace_id: int, email: str) -> str:
    """Where the receiver stops all mails of this kind."""
    return _url("leave", LEAVE, Holder(workspace_id, email))


def join_url(workspace_id: int, email: str, recipient_id: int) -> str:
    """Where somebody who was named confirms the address."""
    return _url("join", JOIN, Holder(workspace_id, email, recipient_id))


def holder_of(token: str, purpose: str) -> Holder | None:
    """What a token says; None for one that is forged, of another purpose or older than thirty days (leaving never expires)."""
    try:
        found = signing.loads(token, salt=purpose, max_age=None if purpose == LEAVE else DAYS)
    except signing.BadSignature:
        return None
    return Holder(*found)


def _url(page: str, purpose: str, holder: Holder) -> str:
    token = signing.dumps([holder.workspace_id, holder.email, holder.subject_id], salt=purpose)
    return f"{settings.PUBLIC_URL}/alerts/{page}/{token}/"
