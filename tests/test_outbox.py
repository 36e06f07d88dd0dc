"""Mail leaves once, is tried again when the server is away, and is given up in the open."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.core.mail import send_mail
from django.utils import timezone

from apps.outbox.models import AccountMessage, KeptMail, Message
from apps.outbox.retries import RETRY_SECONDS
from apps.outbox.send import send_due
from apps.outbox.write import write_email


def make_due() -> None:
    """As if an hour had passed."""
    Message.objects.update(due_at=timezone.now() - timedelta(hours=1))


@pytest.fixture
def message(inside):
    written = write_email("a@b.example", "Look at this", "Text", "<p>Text</p>", dedupe_key="alert:1")
    make_due()
    return written


def reload(message: Message) -> Message:
    message.refresh_from_db()
    return message


def test_a_mail_is_sent_once(server, message):
    send_due()
    send_due()
    assert reload(message).state == "sent"
    assert len(server.taken) == 1
    assert message.message_id in server.taken[0]
    assert "text/html" in server.taken[0]


def test_writing_the_same_mail_twice_keeps_one(inside, message):
    assert write_email("a@b.example", "Look at this", "Text", dedupe_key="alert:1") == message
    assert Message.objects.count() == 1


def test_while_the_server_is_away_the_mail_waits_and_then_goes(server, settings, message):
    good, settings.SMTP_URL = settings.SMTP_URL, "smtp://127.0.0.1:1"
    send_due()
    assert (reload(message).state, message.attempts) == ("pending", 1)
    assert message.due_at > timezone.now() + timedelta(seconds=RETRY_SECONDS[0] - 2)
    assert "refused" in message.last_error
    settings.SMTP_URL = good
    make_due()
    send_due()
    assert reload(message).state == "sent"


def test_a_passing_refusal_is_tried_again_a_final_one_is_not(server, message):
    server.answer = "451 try later"
    send_due()
    assert reload(message).state == "pending"
    server.answer = "550 no such mailbox"
    make_due()
    send_due()
    assert (reload(message).state, server.taken) == ("dead", [])


def test_after_the_last_try_the_mail_is_dead_and_says_why(settings, message):
    settings.SMTP_URL = "smtp://127.0.0.1:1"
    for _ in range(len(RETRY_SECONDS) + 1):
        assert reload(message).state == "pending"
        make_due()
        send_due()
    assert reload(message).state == "dead"
    assert message.last_error


def test_without_a_server_mail_is_kept_for_the_operator_alone(client, owner, settings, make_user, message):
    settings.SMTP_URL = ""
    send_mail("Reset", "link", None, [owner.email])
    send_due()
    assert set(KeptMail.objects.values_list("subject", flat=True)) == {"Look at this", "Reset"}
    client.force_login(owner)
    assert client.get("/console/mail/").status_code == 404
    operator = make_user("ops@x.example")
    operator.is_staff = True
    operator.save()
    client.force_login(operator)
    assert "Look at this" in client.get("/console/mail/").content.decode()


@pytest.mark.django_db
def test_keeping_mail_is_refused_when_the_server_listens_beyond_loopback(settings):
    settings.SMTP_URL, settings.ON_LOOPBACK, settings.LISTEN_HOST = "", False, "0.0.0.0"  # noqa: S104 it is what is refused
    assert "einstein.E001" in {found.id for found in run_checks()}
    settings.ON_LOOPBACK = True
    assert "einstein.E001" not in {found.id for found in run_checks()}


def test_a_line_break_in_a_subject_cannot_add_a_header(db, server):
    send_mail("Hello\nBcc: victim@x.example".replace("\n", " "), "text", None, ["a@b.example"])
    send_due()
    assert AccountMessage.objects.get().state == "sent"
    assert "\nBcc:" not in server.taken[0]


def test_an_address_that_no_mail_can_be_made_of_stops_nobody_elses(server, inside):
    write_email("a@" + "\u00fc" * 60 + ".com", "Look", "Text", dedupe_key="bad")
    good = write_email("a@b.example", "Two\nlines", "Text", dedupe_key="good")
    make_due()
    send_due()
    assert reload(good).state == "sent"
    assert Message.objects.get(dedupe_key="bad").state == "dead"


def test_what_cannot_be_delivered_comes_back_to_an_address_of_its_own(server, settings, message):
    settings.DEFAULT_FROM_EMAIL, settings.BOUNCE_EMAIL = (
        "Einstein <alerts@einstein.example>",
        "bounces@einstein.example",
    )
    send_due()
    assert server.senders == ["bounces@einstein.example"]
    assert "\nFrom: Einstein <alerts@einstein.example>" in server.taken[0]
