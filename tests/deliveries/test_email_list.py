"""E-mail lists: each owner gets her own records, everybody can leave, and nothing to say means no e-mail."""

from __future__ import annotations

import re
from email import message_from_string

import pytest
from django.conf import settings as installation
from django.utils import timezone

from apps.datasets.models import Field
from apps.datasets.records import newest_snapshot
from apps.deliveries import plan as planning
from apps.deliveries.channels.email_list import EmailList, leave_token
from apps.deliveries.models import Delivery, OptOut
from apps.deliveries.which import Which
from apps.outbox.models import Message
from apps.outbox.send import send_due
from apps.pipeline.story import plan_due_delivery
from einstein.outbound.addresses import OutboundProblem
from tests.deliveries.conftest import newest
from tests.test_outbox import make_due

LIST = {"owner_field": "", "addresses": "maria@brightline.example", "label_field": "", "count": 10, "band": "low"}


@pytest.fixture
def owners(scored, monkeypatch, history):
    """The snapshot's Contract says who owns each customer."""
    import pandas as pd

    from apps.deliveries.channels import email_list

    people = {
        key: ("ann@brightline.example", "bob@brightline.example", "")[place % 3]
        for place, key in enumerate(history["key"])
    }
    real = email_list.load

    def load(snapshot, names):
        table: pd.DataFrame = real(snapshot, names)
        return table.assign(Contract=table["customerID"].map(people)) if "Contract" in names else table

    monkeypatch.setattr(email_list, "load", load)
    return people


def send(delivery, owner, deliver) -> list[Message]:
    planning.plan_now(delivery, owner)
    deliver(delivery)
    assert newest(delivery).state == "arrived", newest(delivery).last_error
    return list(Message.objects.filter(sending=newest(delivery)).order_by("to"))


def test_each_owner_gets_her_ten_highest_with_reasons_and_a_link_to_each(
    make_delivery, owners, owner, deliver, history
):
    delivery = make_delivery("email_list", LIST | {"owner_field": "Contract", "addresses": ""})
    messages = send(delivery, owner, deliver)
    assert [message.to for message in messages] == ["ann@brightline.example", "bob@brightline.example"]
    mine = [key for key in history["key"] if owners[key] == "ann@brightline.example"]
    text = messages[0].text
    assert messages[0].subject == "Churn: 10 customers to look at"
    shown = [key for key in history["key"] if f"  {key}\n" in text]
    assert shown == mine[:10]
    assert " is " in text
    assert f"/predictions/{delivery.prediction_id}/records/{mine[0]}/" in messages[0].html


def test_records_without_an_owner_go_to_the_addresses_given(make_delivery, owners, owner, deliver):
    delivery = make_delivery("email_list", LIST | {"owner_field": "Contract"})
    assert [message.to for message in send(delivery, owner, deliver)] == [
        "ann@brightline.example",
        "bob@brightline.example",
        "maria@brightline.example",
    ]


def test_it_says_how_many_mails_the_servers_have_taken(make_delivery, owner, deliver, server):
    delivery = make_delivery("email_list", LIST | {"addresses": "a@x.example b@x.example"})
    send(delivery, owner, deliver)
    assert (newest(delivery).expected, newest(delivery).acknowledged) == (2, 0)
    make_due()
    send_due()
    assert (newest(delivery).expected, newest(delivery).acknowledged) == (2, 2)
    mail = message_from_string(server.taken[0])
    assert re.sub(r"\s", "", mail["List-Unsubscribe"]).startswith(f"<{installation.PUBLIC_URL}/lists/")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_whoever_leaves_gets_no_more_and_others_do(client, make_delivery, owner, deliver):
    delivery = make_delivery("email_list", LIST | {"addresses": "Gone@x.example stays@x.example"})
    link = re.search(rf"{re.escape(installation.PUBLIC_URL)}(/lists/\S+/)", send(delivery, owner, deliver)[0].text)[1]
    assert "Take me off the list" in client.get(link).content.decode()
    assert not OptOut.objects.exists(), "a mail program that opens links takes nobody off"
    assert "you get no more" in client.post(link, {"List-Unsubscribe": "One-Click"}).content.decode().lower()
    assert [message.to for message in send(delivery, owner, deliver)] == ["stays@x.example"]


@pytest.mark.parametrize("token", ["nonsense", "a:b:c", leave_token.__name__])
def test_a_forged_link_does_not_exist(client, db, token):
    assert client.post(f"/lists/{token}/").status_code == 404


def test_it_is_quiet_when_there_is_nothing_to_say(make_delivery, score_again, deliver):
    delivery = make_delivery("email_list", LIST, which=Which("rises", limit=0.99))
    score_again(lambda table: table)
    deliver(delivery)
    assert newest(delivery).state == "arrived"
    assert not Message.objects.filter(sending__isnull=False).exists()


def test_every_monday_at_eight_once(make_delivery, scored, deliver):
    delivery = make_delivery("email_list", LIST, schedule="weekly", weekday=0, hour=8)
    plan_due_delivery(scored.workspace_id, delivery.id)
    delivery.refresh_from_db()
    local = delivery.next_run_at.astimezone(delivery.workspace.zone)
    assert (local.weekday(), local.hour) == (0, 8)
    assert newest(delivery) is None, "nothing is due yet"
    Delivery.objects.filter(id=delivery.id).update(next_run_at=timezone.now())
    for _ in range(2):
        plan_due_delivery(scored.workspace_id, delivery.id)
    deliver(delivery)
    assert Message.objects.filter(sending__destination_id=delivery.id).count() == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"addresses": ""}, "Pick a field"), ({"addresses": "maria"}, "maria is no e-mail address"), ({"owner_field": "Contract"}, "holds no e-mail addresses")],
)  # fmt: skip
def test_what_cannot_work_is_said_before_it_is_kept(scored, wrong, says):
    with pytest.raises(OutboundProblem, match=says):
        EmailList(LIST | wrong, {}).test(scored)


def test_a_field_that_is_gone_is_named(make_delivery, scored, owner, deliver):
    delivery = make_delivery("email_list", LIST | {"owner_field": "Account owner"})
    planning.plan_now(delivery, owner)
    deliver(delivery)
    assert newest(delivery).state == "dead"
    assert "no field Account owner any more" in newest(delivery).last_error
    assert newest_snapshot(scored.dataset) is not None and Field.objects.exists()
