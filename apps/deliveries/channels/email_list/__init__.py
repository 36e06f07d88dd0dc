"""E-mail lists: each owner gets her own records with reasons, or a few people get all. Quiet when there is nothing to say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings as installation
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.template.loader import render_to_string

from apps.datasets.models import Dataset, Snapshot
from apps.datasets.records import keyed, load
from apps.deliveries.channels.base import Channel, Parcel, Receipt, Setting, Undeliverable
from apps.deliveries.models import OptOut
from apps.deliveries.selection import as_records, selected
from apps.deliveries.which import BANDS
from apps.outbox.write import write_email
from apps.predictions.models import Prediction
from apps.scoring.words import score_name
from einstein.ml.reasons import value_words
from einstein.outbound.addresses import OutboundProblem
from einstein.storage import sha256_of_text
from einstein.web.clock_words import local_time
from einstein.web.templatetags.words import plural, score

MOST_RECIPIENTS, MOST_RECORDS, REASONS = 500, 100, 2
MOST_ADDRESS = 254
MOST_LOOKED_AT = 50_000  # records that may be dealt out to owners
LEAVE_SALT = "einstein.list.leave"


class EmailList(Channel):
    kind, title, icon, order = "email_list", "E-mail list", "mail", 40
    words = "The records that matter, to the people who own them"
    schedule = "weekly"

    @classmethod
    def settings_asked(cls, prediction: Prediction) -> Sequence[Setting]:
        fields = list(prediction.dataset.fields.all())
        names = [(field.name, field.name) for field in fields]
        played = prediction.parts.get("owner", "")
        owner = played if any(field.name == played and field.type == "email" for field in fields) else ""
        return (
            Setting("owner_field", "To the address in this field", "The field that holds each record owner’s e-mail address", required=False, kind="choice",
                    choices=[("", "No field: to the addresses below"), *names], default=owner),
            Setting("addresses", "To these addresses", "One a line. They get all records, or those without an owner.", required=False, kind="long"),
            Setting("label_field", "Name each record by", required=False, kind="choice", choices=[("", "Its key"), *names]),
            Setting("count", "At most so many each", kind="count", default="10"),
            Setting("band", "From these bands", kind="choice", default="high", choices=[("high", "High only"), ("medium", "High and Medium"), ("low", "All")]),
        )  # fmt: skip

    @property
    def place(self) -> str:
        if self.settings.get("owner_field"):
            return f"the address in {self.settings['owner_field']}"
        addresses = self._addresses()
        return ", ".join(addresses[:3]) + (f" and {len(addresses) - 3} more" if len(addresses) > 3 else "")

    def _addresses(self) -> list[str]:
        return list(dict.fromkeys(str(self.settings.get("addresses", "")).replace(",", " ").split()))

    def test(self, prediction: Prediction) -> str:
        """Whether there is somebody to write to; no e-mail is sent."""
        addresses, field = self._addresses(), self.settings.get("owner_field")
        if not addresses and not field:
            raise OutboundProblem("Pick a field that holds addresses, or enter one.")
        wrong = [address for address in addresses if not is_address(address)]
        if wrong:
            raise OutboundProblem(f"{wrong[0][:80]} is no e-mail address.")
        if len(addresses) > MOST_RECIPIENTS:
            raise OutboundProblem(f"More than {MOST_RECIPIENTS} addresses are not possible. Use a group address.")
        if field:
            known = prediction.dataset.fields.filter(name=field).first()
            if known is None:
                raise OutboundProblem(f"{prediction.dataset.name} has no field {field} any more. Pick another.")
            profile = known.profile
            values = [value for value, _ in profile.get("top", [])]
            if values and not any(is_address(value) for value in values):
                raise OutboundProblem(
                    f"{field} holds no e-mail addresses, but such as {values[0][:40]}. Pick another field."
                )
        return f"It goes to {self.place}."

    def send(self, parcel: Parcel) -> Receipt:
        """Write one message for each recipient into the outbox, which sends and counts them; the acknowledged count grows as mail servers take them."""
        if parcel.run is None:
            raise Undeliverable("The scoring it was about is gone.")
        lists = self._lists(parcel)
        gone = {row.lower() for row in self._left(parcel)}
        lists = {address: rows for address, rows in lists.items() if address.lower() not in gone}

        def keep() -> None:
            for address, rows in lists.items():
                self._write(parcel, address, rows)

        words = (
            f"{len(lists):,} e-mail{'s' if len(lists) != 1 else ''} on the way."
            if lists
            else "Nothing to tell, so no e-mail was sent."
        )
        return Receipt(
            len(lists), 0, words, {"records": sum(len(rows) for rows in lists.values()), "recipients": len(lists)}, keep
        )

    def _left(self, parcel: Parcel) -> list[str]:
        with parcel.work.fenced():
            return list(OptOut.objects.filter(delivery=parcel.delivery).values_list("address", flat=True))

    def _lists(self, parcel: Parcel) -> dict[str, list[dict[str, Any]]]:
        """Each recipient's records, the highest score first."""
        bands = {"high": ["high"], "medium": ["high", "medium"]}.get(self.settings.get("band", "high"), list(BANDS))
        with selected(parcel.run, parcel.base, parcel.which) as relation:
            wanted = (
                relation.filter(f"band IN ({', '.join(repr(band) for band in bands)})")
                if parcel.which.kind == "all"
                else relation
            )
            records = as_records(wanted, MOST_LOOKED_AT)
        facts = self._facts(parcel, [record["key"] for record in records])
        most = max(1, min(MOST_RECORDS, int(self.settings.get("count") or 10)))
        lists: dict[str, list[dict[str, Any]]] = {}
        for record in records:
            label, owner = facts.get(record["key"], ("", ""))
            for address in [owner] if is_address(owner) else self._addresses():
                found = lists.setdefault(address, [])
                if len(found) < most and len(lists) <= MOST_RECIPIENTS:
                    found.append(record | {"label": label})
        return {address: rows for address, rows in lists.items() if rows}

    def _facts(self, parcel: Parcel, keys: list[str]) -> dict[str, tuple[str, str]]:
        """(name, owner's address) of each record, as the snapshot it was scored from says."""
        label, owner = self.settings.get("label_field", ""), self.settings.get("owner_field", "")
        if not keys or not (label or owner):
            return {}
        with parcel.work.fenced():
            dataset: Dataset = parcel.prediction.dataset
            snapshot: Snapshot | None = parcel.run.snapshot if parcel.run else None
            if snapshot is None:
                return {}
            names = [name for name in dict.fromkeys([dataset.key_field, label, owner]) if name in snapshot.field_names]
            table = keyed(dataset, load(snapshot, names))
        missing = [name for name in (label, owner) if name and name not in table.columns]
        if missing:
            raise Undeliverable(
                f"{dataset.name} has no field {missing[0]} any more. Change the delivery and pick another."
            )
        some = table.reindex(keys)
        return {
            key: (_text(some.at[key, label]) if label else "", _text(some.at[key, owner]) if owner else "")
            for key in keys
        }

    def _write(self, parcel: Parcel, address: str, rows: list[dict[str, Any]]) -> None:
        prediction, workspace = parcel.prediction, parcel.workspace
        base = f"{installation.PUBLIC_URL}/w/{workspace.slug}/predictions/{prediction.id}"
        noun = prediction.dataset.noun
        subject = f"{prediction.name}: {len(rows):,} {plural(noun, len(rows))} to look at"
        leave = f"{installation.PUBLIC_URL}/lists/{leave_token(parcel.workspace.id, parcel.delivery.id, address)}/"
        context = {
            "prediction": prediction, "workspace": workspace, "delivery": parcel.delivery, "subject": subject, "tag": parcel.delivery.name, "noun": noun,
            "rule": _rule(parcel, plural(noun)), "rows": list(_shown(rows, prediction, base)),
            "score_name": score_name(prediction), "as_of": local_time(parcel.run.as_of, workspace.zone), "url": f"{base}/scores/", "leave": leave,
        }  # fmt: skip
        text, html = (render_to_string(f"deliveries/email/list.{ending}", context) for ending in ("txt", "html"))
        write_email(
            address, subject, text, html, dedupe_key=f"sending:{parcel.sending.id}:{sha256_of_text(address)}", sending=parcel.sending, unsubscribe_url=leave
        )  # fmt: skip


def _shown(rows: list[dict[str, Any]], prediction: Prediction, base: str) -> Iterator[dict[str, Any]]:
    from urllib.parse import quote

    for row in rows:
        reasons = [reason for reason in json.loads(row["reasons"]) if reason["direction"] == "raises"][:REASONS]
        yield {
            "key": row["key"], "label": row["label"], "score": score(row["value"], prediction.task), "band": BANDS[row["band"]], "predicted": row["predicted"],
            "reasons": [value_words(reason["field"], reason["value"]) for reason in reasons], "url": f"{base}/records/{quote(row['key'], safe='')}/",
            "before": score(row["before"], prediction.task) if row["before"] is not None else "",
        }  # fmt: skip


def _rule(parcel: Parcel, nouns: str) -> str:
    """What the list holds, as its first sentence says it."""
    if parcel.which.kind == "all":
        return f"The {nouns} with the highest scores"
    return parcel.which.words(parcel.prediction)


def is_address(text: str) -> bool:
    """Whether mail can be sent there: at most 254 characters (RFC 5321), and of letters that every mail server knows."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    return len(text) <= MOST_ADDRESS and text.isascii()


def leave_token(workspace_id: int, delivery_id: int, address: str) -> str:
    """What an unsubscribe link carries: it lets its holder do this one thing."""
    return signing.dumps([workspace_id, delivery_id, address], salt=LEAVE_SALT, compress=True)


def read_leave_token(token: str) -> tuple[int, int, str]:
    """(workspace, delivery, address) of a link; raises `signing.BadSignature` for anything else."""
    workspace_id, delivery_id, address = signing.loads(token, salt=LEAVE_SALT)
    return int(workspace_id), int(delivery_id), str(address)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


CHANNEL = EmailList
