"""Webhooks: signed messages to a web address (Standard Webhooks 1.0.0), in order, each with an id that stays the same through all attempts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from typing import Any

import orjson
from django.db.models import Count, Sum

from apps.deliveries.channels.base import Channel, Parcel, Receipt, Setting, Undeliverable
from apps.deliveries.selection import records_meant
from apps.outbox.models import Payload
from apps.predictions.models import Prediction
from einstein.ml.reasons import reason_words
from einstein.outbound.addresses import OutboundProblem
from einstein.outbound.http import fetch, require_web_address
from einstein.postgres import moment

SECONDS = 15  # DEFAULTS, as Svix
RECORDS_A_MESSAGE = 100
REASONS = 3
TOLD = ("key", "value", "predicted", "band", "reasons", "before", "before_band")
GONE = 410  # the receiver wants no more (Standard Webhooks)
EVENTS = (
    ("scores.changed", "Scores: the records the rule names"),
    ("run.finished", "A scoring has finished"),
    ("alert.opened", "An alert was opened"),
)


class Webhook(Channel):
    kind, title, icon, order = "webhook", "Webhook", "webhook", 30
    words = "Signed messages to another program’s web address"

    @classmethod
    def settings_asked(cls, prediction: Prediction) -> Sequence[Setting]:
        return (
            Setting("url", "Web address", "Where messages are posted, such as https://hooks.example.com/einstein"),
            Setting("events", "Messages about", kind="many", choices=EVENTS, default="scores.changed"),
        )

    @classmethod
    def generated(cls) -> dict[str, Any]:
        return {"signing_secret": "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()}

    @property
    def place(self) -> str:
        return str(self.settings.get("url", "")).split("?")[0]

    def events(self) -> Sequence[str]:
        return [event for event in ("scores.changed", "run.finished") if event in self.settings.get("events", [])]

    def test(self, prediction: Prediction) -> str:
        """Post a message of the type "test" and say what came back."""
        require_web_address(self.address)
        body = {"type": "test", "timestamp": moment.now().isoformat(), "data": {"prediction": prediction.name}}
        status = self._post(f"test_{secrets.token_hex(8)}", body)
        return f"It works: {self.place} answered {status}."

    def send(self, parcel: Parcel) -> Receipt:
        is_first = not parcel.sending.facts.get("prepared")
        waiting = self._prepared(parcel)
        for payload in waiting:
            parcel.work.check()
            self._post(f"{parcel.sending.event_id}-{payload.number}", payload.body)
            if payload is not waiting[-1]:
                with parcel.work.fenced():
                    _acknowledge(payload)
        expected, messages = _totals(waiting) if is_first else _totals_of_all(parcel)
        words = f"{messages:,} message{'s' if messages != 1 else ''} taken." if messages else "Nothing to tell."
        # The last one is noted with the arrival of all.
        return Receipt(
            expected, expected, words, {"messages": messages}, lambda: [_acknowledge(one) for one in waiting[-1:]]
        )

    def _prepared(self, parcel: Parcel) -> list[Payload]:
        """The messages nobody has taken yet. They are written once; every attempt sends the same ones."""
        sending = parcel.sending
        if sending.facts.get("prepared"):
            with parcel.work.fenced():
                return list(Payload.objects.filter(sending=sending, acknowledged_at=None).order_by("number"))
        made = [
            Payload(sending=sending, number=number, body=body, records=self.records_in(body))
            for number, body in enumerate(self._bodies(parcel), start=1)
        ]
        with parcel.work.fenced():
            # One a statement: of several, Django makes arrays, in which psycopg escapes each quotation mark by a regular expression.
            Payload.objects.bulk_create(made, batch_size=1)
            sending.facts["prepared"] = True
            sending.save(update_fields=["facts"])
        return made

    def records_in(self, body: dict[str, Any]) -> int:
        """How many records a message tells about."""
        return len(body["data"].get("records", []))

    def _bodies(self, parcel: Parcel) -> list[dict[str, Any]]:
        """The messages of a sending; none when no record fits the rule."""
        event = parcel.sending.event
        data: dict[str, Any] = {"prediction": {"id": parcel.prediction.id, "name": parcel.prediction.name}}
        if event == "alert.opened":
            return [
                _message(event, parcel.sending.created_at.isoformat(), data | {"alert": parcel.sending.facts["alert"]})
            ]
        run = parcel.run
        if run is None:
            raise Undeliverable("The scoring it was about is gone.")
        data["run"] = {"id": run.id, "as_of": run.as_of.isoformat(), "model_version": run.version.number}
        if event == "run.finished":
            return [
                _message(
                    event,
                    run.as_of.isoformat(),
                    data | {"scored": run.scored, "records_held": run.records, "bands": run.bands},
                )
            ]
        records = [_record(row) for row in records_meant(run, parcel.base, parcel.which, TOLD)]
        parts = [records[start : start + RECORDS_A_MESSAGE] for start in range(0, len(records), RECORDS_A_MESSAGE)]
        return [
            _message(event, run.as_of.isoformat(), data | {"part": number, "parts": len(parts), "records": part})
            for number, part in enumerate(parts, start=1)
        ]

    @property
    def address(self) -> str:
        """Where messages are posted."""
        return str(self.settings.get("url", ""))

    def headers(self, message_id: str, content: bytes) -> dict[str, str]:
        """What goes with a message: its id, its time, and the signature over both."""
        sent = int(moment.now().timestamp())
        signature = sign(self.secret["signing_secret"], message_id, sent, content)
        return {"webhook-id": message_id, "webhook-timestamp": str(sent), "webhook-signature": signature}

    def _post(self, message_id: str, body: dict[str, Any]) -> int:
        """Send one message; only an answer from 200 to 299 counts as taken."""
        content = json.dumps(body, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", **self.headers(message_id, content)}
        status, _, answer = fetch("POST", self.address, headers, content, seconds=SECONDS, most_bytes=1 << 20)
        if 200 <= status < 300:
            return status
        if status == GONE:
            raise Undeliverable(f"{self.place} says it wants no more messages (410).", stop=True)
        said = " ".join(answer[:160].decode("utf-8", "replace").split())
        raise OutboundProblem(f"{self.place} answered {status}{f': {said}' if said else ''}.")


def _totals(messages: list[Payload]) -> tuple[int, int]:
    return sum(message.records for message in messages), len(messages)


def _totals_of_all(parcel: Parcel) -> tuple[int, int]:
    """(records, messages) of a sending, with those that attempts before this one brought."""
    with parcel.work.fenced():
        sent = Payload.objects.filter(sending=parcel.sending).aggregate(records=Sum("records"), messages=Count("id"))
    return sent["records"] or 0, sent["messages"]


def _acknowledge(payload: Payload) -> None:
    Payload.objects.filter(id=payload.id).update(acknowledged_at=moment.now())


def sign(secret: str, message_id: str, moment: int, content: bytes) -> str:
    """The signature header of Standard Webhooks: "v1," and base64 of HMAC-SHA256 over "id.timestamp.body"."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{moment}.".encode() + content
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _message(event: str, moment: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": event, "timestamp": moment, "data": data}


def _record(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": row["key"], "score": row["value"], "band": row["band"], "predicted": row["predicted"], "score_before": row["before"],
        "band_before": row["before_band"], "reasons": [reason_words(reason) for reason in orjson.loads(row["reasons"])[:REASONS]],
    }  # fmt: skip


CHANNEL = Webhook
