"""Which e-mails went to whom."""

from __future__ import annotations

from apps.outbox.models import Message
from apps.pipeline.retention import Kind
from apps.pipeline.retention.mail_texts import ended_before


def remove(rows: list[Message]) -> list[str]:
    Message.objects.filter(id__in=[row.id for row in rows]).delete()
    return []


KIND = Kind(
    "mails", "List of e-mails", "Whom an e-mail went to and when.", "E-mails that wait. Addresses that refuse mail.", 180, 120, ended_before, remove, least=30,
)  # fmt: skip
