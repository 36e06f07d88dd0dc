"""Sending what is due: claim, deliver, note the outcome. A crash between the server's answer and our note may repeat
one mail; its Message-ID stays the same, so mail programs fold the copy."""

from __future__ import annotations

import logging
import smtplib
import time
from collections.abc import Callable
from email.mime.image import MIMEImage
from itertools import takewhile
from typing import Any

import environ
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction
from django.db.models import F

from apps.outbox.bounces import is_bad_address, note_refused
from apps.outbox.models import AccountMessage, KeptMail, Message, MessageBase, Sending
from apps.outbox.retries import next_try
from apps.workspaces.scope import workspace_scope
from einstein.fault_points import fault_point
from einstein.postgres import moment

logger = logging.getLogger("einstein.outbox")

CLAIM_SECONDS = 90
SERVER_SECONDS = 15  # at most a mail server takes for each answer
NOTED_WITHIN_SECONDS = CLAIM_SECONDS - SERVER_SECONDS
BATCH = 20


def send_due() -> int:
    """Deliver the messages that are due; return how many were tried."""
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, id FROM claim_messages(%s, %s)", [BATCH, CLAIM_SECONDS])
        claimed = cursor.fetchall()
    tried = 0
    for workspace_id, message_id in claimed:
        if time.monotonic() - began > CLAIM_SECONDS - SERVER_SECONDS:
            break  # the claim is nearly over: whoever claims the rest next sends it
        _send(workspace_id, message_id)
        tried += 1
    return tried + send_account_messages()


def _send(workspace_id: int, message_id: int) -> None:
    with workspace_scope(workspace_id):
        message = Message.objects.get(id=message_id)
    fault_point("mail claimed")
    error = _attempt(message)
    _until_it_answers(lambda: _note_in(workspace_id, message, error))
    fault_point("mail noted")


def _note_in(workspace_id: int, message: Message, error: Exception | None) -> None:
    with workspace_scope(workspace_id):
        _note(message, error)
        if message.sending_id is not None and message.state == "sent":
            Sending.objects.filter(id=message.sending_id).update(acknowledged=F("acknowledged") + 1)


def _until_it_answers(note: Callable[[], None]) -> None:
    """A mail that has left is noted even where the database goes away just then; else it would leave twice."""
    until = time.monotonic() + NOTED_WITHIN_SECONDS
    while True:
        try:
            return note()
        except (OperationalError, InterfaceError):
            if time.monotonic() > until:
                raise
            close_old_connections()
            time.sleep(1)


def send_account_messages() -> int:
    """Deliver the mails to persons that are due, each in a transaction of its own; return how many were tried."""
    return sum(takewhile(bool, (_send_account_message() for _ in range(BATCH))))


def _send_account_message() -> bool:
    with transaction.atomic():
        due = AccountMessage.objects.select_for_update(skip_locked=True).filter(state="pending", due_at__lte=moment.now())  # fmt: skip
        message = due.order_by("due_at", "id").first()
        if message is not None:
            _note(message, _attempt(message))
        return message is not None


def _attempt(message: MessageBase) -> Exception | None:
    """What kept it from leaving, if anything did. The database is not asked."""
    message.attempts += 1
    try:
        if settings.SMTP_URL:
            _deliver(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:  # ValueError: what no mail can be made of
        return error
    return None


def _note(message: MessageBase, error: Exception | None) -> None:
    if error is not None:
        _note_failure(message, error)
    else:
        message.state, message.sent_at, message.last_error = "sent", moment.now(), ""
        if not settings.SMTP_URL:
            KeptMail.objects.create(to=message.to, subject=message.subject, text=message.text, html=message.html)
    message.save(update_fields=["attempts", "state", "sent_at", "last_error", "due_at"])


def _note_failure(message: MessageBase, error: Exception) -> None:
    refused = isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPSenderRefused | smtplib.SMTPDataError)
    message.last_error = f"{type(error).__name__}: {error}"[:500]
    if isinstance(error, smtplib.SMTPRecipientsRefused) and isinstance(message, Message):
        for code, words in error.recipients.values():
            if is_bad_address(code, words.decode("utf8", "replace")):
                note_refused(message.to, words.decode("utf8", "replace"))
    hopeless = isinstance(error, ValueError) or (refused and _is_permanent(error))
    again = None if hopeless else next_try(message.attempts)
    if again is None:
        message.state = "dead"
    else:
        message.due_at = again
    # Not the server's own words, which name the recipient: they are kept with the message.
    logger.warning(
        "message %s to its recipient failed (try %s): %s", message.message_id, message.attempts, type(error).__name__
    )


def _is_permanent(error: Any) -> bool:
    codes = [code for code, _ in error.recipients.values()] if hasattr(error, "recipients") else [error.smtp_code]
    return all(500 <= code < 600 for code in codes)


def _deliver(message: MessageBase) -> None:
    headers = {
        "From": settings.DEFAULT_FROM_EMAIL,
        "Message-ID": message.message_id,
        "Auto-Submitted": "auto-generated",
    }
    if leave := getattr(message, "unsubscribe_url", ""):  # RFC 8058: one click in the mail program
        headers |= {"List-Unsubscribe": f"<{leave}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    if thread := getattr(message, "thread", ""):  # RFC 5322, 3.6.4
        headers |= {"In-Reply-To": thread, "References": thread}
    mail = EmailMultiAlternatives(
        message.subject, message.text, settings.BOUNCE_EMAIL, [message.to], headers=headers, connection=_smtp()
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    if picture := getattr(message, "picture", None):
        _attach_inline(mail, bytes(picture))
    mail.send()
    fault_point("server has said 250")


def _attach_inline(mail: EmailMultiAlternatives, png: bytes) -> None:
    """A picture that the HTML shows within itself (RFC 2387)."""
    mail.mixed_subtype = "related"
    part = MIMEImage(png, "png")
    part.add_header("Content-ID", "<picture>")
    part.add_header("Content-Disposition", "inline", filename="picture.png")
    mail.attach(part)


def _smtp() -> Any:
    address = environ.Env.email_url_config(settings.SMTP_URL)
    return get_connection(
        "django.core.mail.backends.smtp.EmailBackend",
        host=address["EMAIL_HOST"], port=address["EMAIL_PORT"], username=address["EMAIL_HOST_USER"],
        password=address["EMAIL_HOST_PASSWORD"], use_tls=address.get("EMAIL_USE_TLS", False),
        use_ssl=address.get("EMAIL_USE_SSL", False), timeout=SERVER_SECONDS,
    )  # fmt: skip
