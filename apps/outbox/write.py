"""Writing a message into the outbox, in the transaction of its cause."""

from email.utils import make_msgid

from apps.outbox.models import Message


def write_email(to: str, subject: str, text: str, html: str = "", *, dedupe_key: str) -> Message:
    """Queue one e-mail. The same `dedupe_key` a second time changes nothing and returns the first."""
    values = {
        "to": to,
        "subject": subject[:250],
        "text": text,
        "html": html,
        "message_id": make_msgid(domain="einstein"),
    }
    message, _ = Message.objects.get_or_create(dedupe_key=dedupe_key, defaults=values)
    return message
