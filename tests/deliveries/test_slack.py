"""Messages to a chat room: short, harmless whatever a record is called, once an alert, and the address stays sealed."""

from __future__ import annotations

import json

import pytest

from apps.deliveries import plan as planning
from apps.deliveries.channels.slack import Slack
from apps.monitoring.models import Alert, Incident
from apps.pipeline.story import announce_alert
from einstein.outbound.addresses import OutboundProblem
from tests.deliveries.conftest import newest
from tests.servers import Web, send_bytes


class Room:
    """A chat server that keeps what is posted."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.status = 200
        self.web = Web(self._take)

    def _take(self, handler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        assert set(body) == {"text"}
        self.texts.append(body["text"])
        send_bytes(handler, b"no_service" if self.status >= 400 else b"ok", self.status)


@pytest.fixture
def room():
    running = Room()
    yield running
    running.web.stop()


@pytest.fixture
def slack(make_delivery, room):
    def make(*events: str):
        return make_delivery("slack", {"events": list(events)}, {"url": f"{room.web.base}/services/T0/B0/secret"}, None)

    return make


def test_an_alert_is_told_once_with_a_link(slack, room, scored, deliver):
    delivery = slack("alert.opened")
    incident = Incident.objects.create(cause=f"dataset:{scored.dataset_id}", severity="warning", title="x")
    alert = Alert.objects.create(
        prediction=scored, incident=incident, check_kind="data_in_range", severity="warning", title="Churn: <!channel> is out of range",
        answers={"what": "It left its range."},
    )  # fmt: skip
    for _ in range(2):
        announce_alert(scored.workspace_id, alert.id)
    deliver(delivery)
    (text,) = room.texts
    assert "&lt;!channel&gt; is out of range" in text
    assert "It left its range." in text
    assert f"/alerts/{incident.id}/|See what to do>" in text


def test_scores_name_ten_records_and_count_the_rest(slack, room, scored, owner, deliver):
    delivery = slack("scores.changed")
    planning.plan_now(delivery, owner)
    deliver(delivery)
    (text,) = room.texts
    assert text.count("•") == 10
    assert "and 190 more" in text
    assert newest(delivery).state == "arrived"


def test_the_test_button_shows_the_real_error(room, scored):
    room.status = 404
    with pytest.raises(OutboundProblem, match="answered 404: no_service"):
        Slack({}, {"url": room.web.base}).test(scored)
    room.status = 200
    assert "It works: 127.0.0.1 answered 200." in Slack({}, {"url": room.web.base}).test(scored)


def test_the_address_is_a_secret(scored):
    (address, _) = Slack.settings_asked(scored)
    assert address.secret
    assert "services" not in Slack({}, {"url": "https://hooks.slack.com/services/T0/B0/secret"}).place
