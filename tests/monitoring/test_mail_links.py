"""What an e-mail's links may do: looking changes nothing, pressing answers one incident or stops mails to one address."""

from __future__ import annotations

import re

import pytest
from django.conf import settings as project
from django.utils import timezone

from apps.monitoring.links import LEAVE, Holder, answer_url, holder_of
from apps.monitoring.models import Incident, Look, Recipient
from apps.outbox.models import Message
from tests.monitoring.conftest import ALARM, check_and_tell, mend, subjects


def path(url: str) -> str:
    return url.removeprefix(project.PUBLIC_URL)


@pytest.fixture
def mailed(broken):
    check_and_tell(broken)
    return Message.objects.get()


def link(message: Message, page: str) -> str:
    return path(re.search(rf"http\S+/alerts/{page}/\S+", message.text).group())


def test_looking_at_the_link_changes_nothing(client, mailed):
    page = client.get(link(mailed, "answer"))
    assert page.status_code == 200
    assert "I take care of it" in page.content.decode()
    assert Incident.objects.get().state == "open"


@pytest.mark.parametrize(("answer", "state"), [("acknowledge", "acknowledged"), ("1", "snoozed"), ("7", "snoozed")])
def test_pressing_answers_in_the_name_of_the_address(client, mailed, owner, answer, state):
    client.post(link(mailed, "answer"), {"answer": answer})
    incident = Incident.objects.get()
    assert incident.state == state
    assert incident.events.filter(words__contains=owner.email).exists()


def test_what_is_over_has_nothing_to_answer(client, mailed, broken):
    mend()
    check_and_tell(broken)
    assert "over since" in client.post(link(mailed, "answer"), {"answer": "acknowledge"}).content.decode()
    assert Incident.objects.get().state == "resolved"


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-20] + ("B" if token[-20] == "A" else "A") + token[-19:],
        lambda token: "x",
        lambda token: token.split(":")[0],
    ],
)
def test_a_forged_link_does_not_exist(client, mailed, change):
    *way, token, _ = link(mailed, "answer").split("/")
    assert client.get("/".join([*way, change(token), ""])).status_code == 404


def test_a_link_of_one_purpose_does_nothing_else(client, mailed):
    token = link(mailed, "leave").split("/")[-2]
    assert client.get(f"/alerts/answer/{token}/").status_code == 404
    assert holder_of(token, "monitoring.answer") is None


def test_a_link_to_an_incident_of_another_workspace_does_not_exist(client, mailed, elsewhere, broken):
    stolen = Incident.objects.get()
    stolen.workspace_id = elsewhere.id
    assert client.get(path(answer_url(stolen, "x@y.example"))).status_code == 404


def test_one_click_in_the_mail_program_stops_the_mails_and_somebody_else_is_told(
    client, mailed, broken, workspace, join, owner
):
    admin = join(workspace, "admin")
    token = mailed.unsubscribe_url.removesuffix("/").rpartition("/")[2]
    assert holder_of(token, LEAVE) == Holder(workspace.id, owner.email)
    assert client.post(path(mailed.unsubscribe_url), {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Recipient.objects.get().left_at is not None
    mend()
    check_and_tell(broken)
    Incident.objects.update(resolved_at=timezone.now() - timezone.timedelta(days=2))
    Look.objects.update(alarms=[ALARM])
    before = len(subjects())
    check_and_tell(broken)
    assert [message.to for message in Message.objects.order_by("id")[before:]] == [admin.email]


def test_leaving_asks_first(client, mailed):
    assert "Stop these e-mails" in client.get(path(mailed.unsubscribe_url)).content.decode()
    assert not Recipient.objects.exists()
