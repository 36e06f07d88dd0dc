"""Scores into fields of Salesforce records, in collections of 200, each record for itself.

What Salesforce refuses for good (a rule, a missing right) is listed; what it refuses for now (a locked record, a busy server) is kept and tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from apps.datasets.connectors.base import SourceProblem
from apps.datasets.connectors.salesforce import Salesforce
from apps.datasets.connectors.salesforce.client import MOST_IN_A_COLLECTION, Client, FieldFacts
from apps.deliveries.channels.base import Setting, Undeliverable
from apps.deliveries.channels.base.table import SHOWN_ROWS, TableChannel, Target, Written
from apps.predictions.models import Prediction
from einstein.outbound.addresses import OutboundProblem

# Refusals that pass by themselves (SOAP API Developer Guide, StatusCode).
PASSING = {"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "REQUEST_RUNNING_TOO_LONG"}
KEY_CHARACTERS = 8000  # of the keys asked for at a time, so that the query fits into an address
WRITABLE = {"string", "textarea", "picklist", "double", "currency", "percent", "int", "datetime", "date", "boolean", "combobox", "url", "phone", "email"}  # fmt: skip
KEYS = {"id", "string", "email", "phone", "url", "picklist", "reference", "combobox"}  # compared as text
NUMBERS = {"double", "currency", "percent", "int"}


class SalesforceFields(TableChannel):
    kind, title, icon, order = "salesforce", "Salesforce", "cloud-cog", 15
    words = "Written into fields of your accounts, leads or other records"
    leads_to = ("address",)
    makes_tables = transactional = False
    table_word, column_word = "object", "field"

    @classmethod
    def settings_asked(cls, prediction: Prediction) -> Sequence[Setting]:
        return Salesforce.settings_asked

    @cached_property
    def source(self) -> Salesforce:
        return Salesforce(self.settings, self.secret)

    @property
    def place(self) -> str:
        return self.source.place

    def test(self, prediction: Prediction) -> str:
        return self.source.test()

    def tables(self) -> list[tuple[str, str]]:
        return sorted(("", each["name"]) for each in self.source.client.objects() if each.get("updateable"))

    def columns_of(self, schema: str, table: str) -> list[tuple[str, str]]:
        fields = self.source.client.fields(table)
        return [(field.name, field.type) for field in fields if field.updateable and field.type in WRITABLE]

    def keys_of(self, schema: str, table: str) -> list[tuple[str, str]]:
        fields = self.source.client.fields(table)
        return [(field.name, field.type) for field in fields if field.identifies and field.type in KEYS]

    def write(
        self, target: Target, rows: pa.Table, before: Path, check: Callable[[], None], *, keep: bool = True
    ) -> Written:
        client = self.source.client
        fields = {field.name: field for field in client.fields(target.table)}
        _refuse_lost_fields(target, fields, client.place)
        keys = rows.column(0).to_pylist()
        found = _held(client, target, keys)
        names = [target.key, *target.columns.values()]
        held = [{name: found[key].get(name) for name in names} | {"Id": found[key]["Id"]} for key in sorted(found)]
        columns = {
            name: pa.array([record[name] for record in held], pa.string()) for name in dict.fromkeys(["Id", *names])
        }
        pq.write_table(pa.table(columns), before)
        first = [found[key] | {target.key: key} for key in keys[:SHOWN_ROWS] if key in found]
        written = Written(0, {key for key in keys if key not in found}, first)
        check()
        if not keep:  # nothing here can be taken back, so nothing is written to begin with
            written.matched = len(found)
            return written
        there = rows.filter(pa.array([key in found for key in keys], pa.bool_()))
        parts = list(_parts(there))
        for number, part in enumerate(parts):
            records = [{"Id": found[row[target.key]]["Id"], **_as_json(row, target, fields)} for row in part]
            try:
                answers = client.update(target.table, records)
            except OutboundProblem as problem:
                if not written.matched:
                    raise
                # What was taken before the connection broke off counts; the rest comes with the next attempt.
                written.later |= {str(row[target.key]): str(problem) for rest in parts[number:] for row in rest}
                return written
            _sort_answers(part, target.key, answers, written)
            check()
        return written

    def restore(self, target: Target, before: Path, fresh: list[str], check: Callable[[], None]) -> int:
        client = self.source.client
        fields = {field.name: field for field in client.fields(target.table)}
        rows, written = pq.read_table(before), Written(0)
        for part in _parts(rows):
            check()
            records = [{"Id": row["Id"], **_as_json(row, target, fields)} for row in part]
            _sort_answers(part, target.key, client.update(target.table, records), written)
        for left, problem in ((written.later, SourceProblem), (written.refused, Undeliverable)):
            if left:
                key, why = next(iter(left.items()))
                raise problem(f"{len(left):,} of {rows.num_rows:,} records could not be put back, such as {key}: {why}")
        return written.matched


def _refuse_lost_fields(target: Target, fields: dict[str, FieldFacts], place: str) -> None:
    lost = [name for name in (target.key, *target.columns.values()) if name not in fields]
    if lost:
        raise SourceProblem(f"{place} shows no field {lost[0]} in {target.table} any more. Pick the fields again.")


def _held(client: Client, target: Target, keys: list[str]) -> dict[str, dict[str, Any]]:
    """The records that the keys name as they are now, by key; a key that names several names none."""
    names = ", ".join(dict.fromkeys(["Id", target.key, *target.columns.values()]))
    found: dict[str, dict[str, Any]] = {}
    several: set[str] = set()
    for part in _short_lists(keys):
        asked = {_comparable(target, key): key for key in part}
        quoted = ", ".join(_literal(key) for key in part)
        for records in client.pages(f"SELECT {names} FROM {target.table} WHERE {target.key} IN ({quoted})"):
            for record in records:
                key = asked.get(_comparable(target, str(record[target.key])))
                if key is None:
                    continue
                several |= {key} if key in found else set()
                found[key] = {name: None if value is None else _text(value) for name, value in record.items()}
    return {key: record for key, record in found.items() if key not in several}


def _comparable(target: Target, key: str) -> str:
    """An Id of 18 characters is one of 15 with a checksum; text is compared without regard to case, as SOQL does."""
    return key[:15] if target.key == "Id" else key.lower()


def _short_lists(keys: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for key in keys:
        length = len(quote(key)) + 12  # quotation marks and the comma are written as three characters each
        if part and (size + length > KEY_CHARACTERS or len(part) >= MOST_IN_A_COLLECTION):
            yield part
            part, size = [], 0
        part.append(key)
        size += length
    if part:
        yield part


def _literal(text: str) -> str:
    """A text as a SOQL literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r") + "'"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parts(rows: pa.Table) -> Iterator[list[dict[str, str | None]]]:
    """The rows, as many at a time as a collection takes."""
    for start in range(0, rows.num_rows, MOST_IN_A_COLLECTION):
        yield rows.slice(start, MOST_IN_A_COLLECTION).to_pylist()


def _as_json(row: dict[str, str | None], target: Target, fields: dict[str, FieldFacts]) -> dict[str, Any]:
    """The values of a row as their fields take them; a text that is too long ends with three dots."""
    return {name: _typed(row[name], fields[name]) for name in target.columns.values()}


def _typed(text: str | None, field: FieldFacts) -> Any:
    if text is None:
        return None
    if field.type in NUMBERS:
        return _number(text)
    if field.type == "boolean":
        return text.lower() in {"true", "yes", "1"}
    if field.type == "datetime":
        return text if "T" in text else text.replace(" ", "T")[:23] + "Z"
    if field.type == "date":
        return text[:10]
    if field.length and len(text) > field.length:
        return text[: field.length - 3] + "..."
    return text


def _number(text: str) -> float | str:
    """A number; a text that is none goes as it is, so that Salesforce says which field does not fit."""
    try:
        return float(text)
    except ValueError:
        return text


def _sort_answers(
    rows: list[dict[str, str | None]], key_field: str, answers: list[dict[str, Any]], written: Written
) -> None:
    """Who was taken, who was refused for good, and who is to be tried again."""
    for row, answer in zip(rows, answers, strict=True):
        if answer.get("success"):
            written.matched += 1
            continue
        error = (answer.get("errors") or [{}])[0]
        words = " ".join(str(error.get("message") or error.get("statusCode") or "no reason given").split())[:200]
        kind = written.later if error.get("statusCode") in PASSING else written.refused
        kind[str(row[key_field])] = words


CHANNEL = SalesforceFields
