"""Django's e-mail backend: account mails (confirm, reset) go through the outbox like all others."""

from email.utils import make_msgid

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from apps.outbox.models import AccountMessage


class OutboxEmailBackend(BaseEmailBackend):
    """Writes each recipient's mail as a row; the sender process delivers it."""

    def send_messages(self, messages: list[EmailMessage]) -> int:
        rows = [_row(message, to) for message in messages for to in message.to]
        AccountMessage.objects.bulk_create(rows)
        return len(messages)


def write_account_email(to: str, subject: str, text: str, html: str) -> AccountMessage:
    """Queue one e-mail to a person, in the transaction of its cause."""
    return AccountMessage.objects.create(
        to=to, subject=" ".join(subject.split())[:250], text=text, html=html, message_id=make_msgid(domain="einstein")
    )


def _row(message: EmailMessage, to: str) -> AccountMessage:
    html = next((part.content for part in getattr(message, "alternatives", []) if part.mimetype == "text/html"), "")
    subject = " ".join(message.subject.split())[:250]
    return AccountMessage(
        to=to, subject=subject, text=message.body, html=html, message_id=make_msgid(domain="einstein")
    )
