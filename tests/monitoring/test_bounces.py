"""Addresses that refuse mail: the sender stops, and somebody else is told."""

from __future__ import annotations

import io
import sys
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.monitoring.models import Recipient, Watch
from apps.outbox.bounces import is_bad_address, read_bounce
from apps.outbox.models import Message, RefusedAddress
from apps.outbox.send import send_due
from apps.outbox.write import write_email
from tests.monitoring.conftest import check_and_tell

BOUNCE = """\
From: MAILER-DAEMON@mx.example
To: bounces@einstein.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {to}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} <{to}>: Recipient address rejected: User unknown

--b
Content-Type: {returned}

Message-ID: {message_id}
Subject: Look at this

--b--
"""


def bounced(message: Message, **changes: str) -> bytes:
    facts = {
        "to": message.to,
        "action": "failed",
        "status": "5.1.1",
        "returned": "text/rfc822-headers",
        "message_id": message.message_id,
    }
    return BOUNCE.format(**facts | changes).encode()


@pytest.fixture
def take(monkeypatch):
    def read(content: bytes) -> str:
        monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": io.BytesIO(content)}))
        out = io.StringIO()
        call_command("take_bounce", stdout=out)
        return out.getvalue()

    return read


@pytest.fixture
def message(inside):
    return write_email("gone@b.example", "Look at this", "Text", dedupe_key="alert:1")


@pytest.mark.parametrize(
    ("code", "words", "bad"),
    [
        (550, "5.1.1 User unknown", True), (550, "No such user", True), (553, "mailbox name not allowed", True), (550, "5.2.1 mailbox disabled", True),
        (550, "5.7.1 message looks like spam", False), (552, "5.2.2 mailbox full", False), (554, "transaction failed", False), (451, "4.3.0 later", False),
    ],
)  # fmt: skip
def test_only_what_is_said_of_the_address_itself_counts(code, words, bad):
    assert is_bad_address(code, words) is bad


@pytest.mark.parametrize("returned", ["text/rfc822-headers", "message/rfc822"])
def test_a_bounce_is_taken_for_the_mail_it_returns(take, inside, message, returned):
    assert "gone@b.example refuses mail" in take(bounced(message, returned=returned))
    message.refresh_from_db()
    assert message.state == "dead" and "User unknown" in message.last_error
    assert RefusedAddress.objects.get().email == "gone@b.example"


@pytest.mark.parametrize(
    "changes",
    [{"action": "delayed"}, {"status": "4.2.2"}, {"status": "5.7.1"}, {"message_id": "<guessed@einstein>"}, {"to": "maria@brightline.example"}, {"message_id": "none"}],
    ids=["delayed", "for now", "spam", "not ours", "another address", "no number"],
)  # fmt: skip
def test_what_says_less_changes_nothing(take, inside, message, changes):
    assert "Nothing was done" in take(bounced(message, **changes))
    assert not RefusedAddress.objects.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b"Subject: out of office\n\nback on Monday", b"Content-Type: multipart/report\n\n--" * 900],
)
def test_any_other_mail_is_let_be(take, db, content):
    assert read_bounce(content) is None
    assert "Nothing was done" in take(content)


def test_a_refusal_at_once_has_the_alert_told_to_somebody_else(server, broken, inside, join):
    admin = join(inside, "admin")
    Recipient.objects.create(prediction=broken, email="gone@brightline.example", confirmed_at=timezone.now())
    check_and_tell(broken)
    Message.objects.update(due_at=timezone.now() - timedelta(hours=1))
    server.refused = {"gone@brightline.example": "550 5.1.1 User unknown"}
    send_due()
    assert Message.objects.get(to="gone@brightline.example").state == "dead"
    assert RefusedAddress.objects.get().words == "5.1.1 User unknown"
    assert Watch.objects.get().next_check_at <= timezone.now()
    check_and_tell(broken)
    told = set(Message.objects.exclude(to="gone@brightline.example").values_list("to", flat=True))
    assert told and told <= {broken.owner.email, admin.email}


def test_the_settings_say_who_cannot_be_reached_and_let_one_write_there_again(client, owner, scored, inside):
    refused = RefusedAddress.objects.create(email="gone@b.example", words="5.1.1 User unknown")
    client.force_login(owner)
    address = f"/w/{inside.slug}/predictions/{scored.id}/monitoring/settings/"
    page = client.get(address).content.decode()
    assert "gone@b.example" in page and "User unknown" in page and "Others are told instead" in page
    client.post(address, {"part": "reach_again", "id": "nonsense"})
    assert RefusedAddress.objects.exists()
    client.post(address, {"part": "reach_again", "id": refused.id})
    assert not RefusedAddress.objects.exists()
