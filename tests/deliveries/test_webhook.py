"""Webhooks: signed as Standard Webhooks wants it, in order, each id kept through all attempts, given up in the open."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook as Verifier

from apps.deliveries import plan as planning
from apps.deliveries import setup
from apps.deliveries.which import Which
from apps.outbox.models import Attempt, Message, Payload, Sending
from apps.outbox.retries import RETRY_SECONDS
from apps.pipeline.story import announce_alert
from apps.scoring.score import newest_run
from tests.deliveries.conftest import newest, with_scores
from tests.servers import Web, send_bytes


class Receiver:
    """A web server that checks each message and remembers the ids it has seen; `answers` are the statuses to give first."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict]] = []
        self.answers: list[int] = []
        self.secret = ""
        self.web = Web(self._take)

    def _take(self, handler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        Verifier(self.secret).verify(body, dict(handler.headers))
        self.requests.append((handler.headers["webhook-id"], json.loads(body)))
        status = self.answers.pop(0) if self.answers else 200
        send_bytes(handler, b"busy" if status >= 400 else b"ok", status)


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.web.stop()


@pytest.fixture
def hook(make_delivery, receiver):
    def make(which: Which | None = None, events=("scores.changed",)):
        from apps.deliveries.channels.webhook import Webhook

        secret = Webhook.generated()
        receiver.secret = secret["signing_secret"]
        return make_delivery(
            "webhook", {"url": f"{receiver.web.base}/hook?key=1", "events": list(events)}, secret, which
        )

    return make


def make_due() -> None:
    Sending.objects.filter(state="waiting").update(due_at=timezone.now() - timedelta(hours=1))


def test_changed_bands_are_told_with_what_was_before_and_why(hook, receiver, score_again, deliver, history):
    delivery = hook(Which("changed"))
    top = history.iloc[0]
    run = score_again(with_scores(**{top["key"].replace("-", "_"): 0.01}))
    deliver(delivery)
    ((message_id, body),) = receiver.requests
    assert message_id.startswith("evt_")
    assert body["type"] == "scores.changed"
    assert (body["data"]["run"]["id"], body["data"]["run"]["model_version"]) == (run.id, 1)
    (record,) = body["data"]["records"]
    assert (record["key"], record["score"], record["band"], record["band_before"]) == (
        top["key"],
        0.01,
        "low",
        top["band"],
    )
    assert record["score_before"] == pytest.approx(top["value"])
    assert len(record["reasons"]) == 3
    assert (newest(delivery).expected, newest(delivery).acknowledged) == (1, 1)


def test_many_records_go_in_parts_of_a_hundred(hook, receiver, owner, deliver, history):
    delivery = hook()
    planning.plan_now(delivery, owner)
    deliver(delivery)
    parts = [
        (body["data"]["part"], body["data"]["parts"], len(body["data"]["records"])) for _, body in receiver.requests
    ]
    assert parts == [(1, 2, 100), (2, 2, 100)]
    assert len({message_id for message_id, _ in receiver.requests}) == 2


def test_a_rule_that_nothing_meets_sends_nothing(hook, receiver, score_again, deliver):
    delivery = hook(Which("rises", limit=0.5))
    score_again(lambda table: table)
    deliver(delivery)
    assert receiver.requests == []
    assert newest(delivery).state == "arrived"


def test_a_rule_fires_once_a_crossing(hook, receiver, score_again, deliver, history):
    delivery = hook(Which("rises", limit=0.9))
    low = history["key"].iloc[-1].replace("-", "_")
    for value in (0.95, 0.96, 0.2, 0.97):
        score_again(with_scores(**{low: value}))
    deliver(delivery)
    scores = [record["score"] for _, body in receiver.requests for record in body["data"]["records"]]
    assert scores == [0.95, 0.97]


def test_after_a_fault_the_same_message_comes_again_and_those_taken_do_not(hook, receiver, owner, deliver):
    receiver.answers = [200, 503]
    delivery = hook()
    planning.plan_now(delivery, owner)
    deliver(delivery)
    sending = newest(delivery)
    assert (sending.state, sending.attempts) == ("waiting", 1)
    assert "answered 503: busy" in sending.last_error
    assert sending.due_at > timezone.now() + timedelta(seconds=RETRY_SECONDS[0] - 2)
    make_due()
    deliver(delivery)
    ids = [message_id for message_id, _ in receiver.requests]
    assert ids[1] == ids[2] != ids[0]
    assert receiver.requests[1] == receiver.requests[2]
    assert newest(delivery).state == "arrived"
    assert Payload.objects.filter(acknowledged_at=None).count() == 0


def test_later_ones_wait_for_the_first(hook, receiver, score_again, deliver, history):
    delivery = hook(Which("changed"))
    receiver.answers = [500]
    top, low = history["key"].iloc[0].replace("-", "_"), history["key"].iloc[-1].replace("-", "_")
    score_again(with_scores(**{top: 0.01}))
    score_again(with_scores(**{low: 0.99}))
    deliver(delivery)
    assert len(receiver.requests) == 1
    make_due()
    deliver(delivery)
    assert [body["data"]["records"][0]["band"] for _, body in receiver.requests] == ["low", "low", "high"]


def test_the_owner_is_told_at_the_fourth_failure_and_a_dead_one_can_be_replayed(hook, receiver, owner, deliver):
    delivery = hook()
    receiver.answers = [500] * (len(RETRY_SECONDS) + 1)
    planning.plan_now(delivery, owner)
    for number in range(len(RETRY_SECONDS) + 1):
        make_due()
        deliver(delivery)
        assert Message.objects.filter(subject__contains="does not arrive").exists() == (number >= 3)
    sending = newest(delivery)
    assert sending.state == "dead"
    assert Attempt.objects.filter(sending=sending).count() == len(RETRY_SECONDS) + 1
    planning.replay(sending, delivery, owner)
    deliver(delivery)
    assert newest(delivery).state == "arrived"


def test_after_five_days_of_failing_it_is_switched_off_and_the_owner_told(hook, receiver, owner, deliver):
    delivery = hook()
    receiver.answers = [500, 500]
    planning.plan_now(delivery, owner)
    deliver(delivery)
    assert delivery.state == "active"
    delivery.failing_since = timezone.now() - timedelta(days=6)
    delivery.save()
    make_due()
    deliver(delivery)
    assert delivery.state == "paused"
    assert "answered 500" in delivery.paused_because
    assert Message.objects.filter(subject__contains="was switched off", to=owner.email).count() == 1
    setup.resume(delivery, owner)
    make_due()
    deliver(delivery)
    assert newest(delivery).state == "arrived"


def test_a_receiver_that_is_gone_for_good_is_not_asked_again(hook, receiver, owner, deliver):
    delivery = hook()
    receiver.answers = [410]
    planning.plan_now(delivery, owner)
    deliver(delivery)
    assert (newest(delivery).state, delivery.state) == ("dead", "paused")


def test_a_finished_scoring_and_an_opened_alert_are_events_too(hook, receiver, scored, score_again, deliver):
    from apps.monitoring.models import Alert, Incident

    delivery = hook(events=("run.finished", "alert.opened"))
    run = score_again(lambda table: table)
    incident = Incident.objects.create(cause=f"dataset:{scored.dataset_id}", severity="warning", title="Out of range")
    alert = Alert.objects.create(
        prediction=scored,
        incident=incident,
        check_kind="data_in_range",
        severity="warning",
        title="Out of range",
        answers={},
    )
    for _ in range(2):
        announce_alert(scored.workspace_id, alert.id)
    deliver(delivery)
    assert [body["type"] for _, body in receiver.requests] == ["run.finished", "alert.opened"]
    assert receiver.requests[0][1]["data"]["scored"] == run.scored
    assert receiver.requests[1][1]["data"]["alert"]["title"] == "Out of range"


def test_scoring_plans_the_deliveries_in_its_own_transaction(hook, scored, perform_runs):
    """Scores that are kept and scores that are on their way are the same thing: neither is without the other."""
    from apps.runs.queue import enqueue
    from apps.scoring.models import ScoringRun

    delivery = hook()
    scored.score_mode = "all"
    scored.save()
    enqueue("score", scored.id)
    perform_runs()
    run = newest_run(scored)
    assert ScoringRun.objects.filter(prediction=scored).count() == 2
    assert newest(delivery).facts["scoring_run"] == run.id


def test_a_private_address_is_refused_with_a_sentence(hook, settings, owner, deliver):
    delivery = hook()
    settings.OUTBOUND_ALLOW = []
    planning.plan_now(delivery, owner)
    deliver(delivery)
    assert "private network" in newest(delivery).last_error
