"""Salesforce and what speaks its REST API: any object with all its fields, small ones by query, large ones by a bulk job."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.csv as pacsv

from apps.datasets.connectors.base import (
    PREVIEW_ROWS,
    Choice,
    Connector,
    Preview,
    Reading,
    Setting,
    Since,
    SourceProblem,
    Tell,
)
from apps.datasets.connectors.base.rows import as_text, blank_is_null, write_batches
from apps.datasets.connectors.salesforce.client import Bulk, Client, FieldFacts
from einstein.ml.reader.rows import ReadReport

BULK_FROM = 2000  # records; "more than 2,000 records is a good candidate for Bulk API 2.0" (its Developer Guide)
LONGEST_QUERY = 12_000  # characters, as written in an address; a longer one goes as a bulk job
MOST_DIGITS = 40
MOST_PARTS = 2000  # of a bulk result
# Records are stamped when they are saved but seen when their transaction ends, so the last minutes are read again.
OVERLAP = timedelta(minutes=5)
NUMBERS, MOMENTS = {"double", "currency", "percent", "int", "long"}, {"datetime"}
CURSORS = ("SystemModstamp", "LastModifiedDate", "CreatedDate")
OWNER = ("Owner.Name", "Owner.Email")  # whom a score is for; an e-mail list can go by it
NAME = re.compile(r"\w{1,80}")


class Salesforce(Connector):
    kind, title, icon, order = "salesforce", "Salesforce", "cloud-cog", 15
    words = "Accounts, leads, cases or any other object"
    knows_changes = True
    settings_asked = (
        Setting("address", "Your Salesforce address", "Such as https://mycompany.my.salesforce.com", address=True),
        Setting("consumer_key", "Consumer key", "Of an external client app with the client credentials flow"),
        Setting("consumer_secret", "Consumer secret", secret=True, kind="password"),
    )

    @cached_property
    def client(self) -> Client:
        """One signed-in session for all that is asked of this connection."""
        return Client(
            str(self.settings["address"]), str(self.settings["consumer_key"]), self.secret.get("consumer_secret") or ""
        )

    @property
    def place(self) -> str:
        return Client(str(self.settings.get("address", "")), "", "").place

    def test(self) -> str:
        count = len(self.client.objects())
        return f"It works: {count:,} object{'s' if count != 1 else ''} can be read."

    def choices(self) -> list[Choice]:
        titles = {each["name"]: str(each.get("labelPlural") or each["name"]) for each in self.client.objects()}
        return [
            Choice({"table": name, "title": title}, title, name)
            for name, title in sorted(titles.items(), key=lambda entry: entry[1].lower())
        ]

    def words_of(self, pick: dict[str, Any]) -> str:
        return str(pick.get("title") or pick.get("table") or self.place)

    def preview(self, pick: dict[str, Any]) -> Preview:
        client = self.client
        fields = _readable(client.fields(_object(pick)))
        asked = fields
        while len(quote(_select(asked, pick))) > LONGEST_QUERY:  # of a very wide object the first fields are shown
            asked = asked[: len(asked) // 2]
        records = next(client.pages(f"{_select(asked, pick)} LIMIT {PREVIEW_ROWS}"))
        rows = [[_value(record, field) for field in fields] for record in records]
        moments = [field.name for field in fields if field.type in MOMENTS]
        cursors = [*(name for name in CURSORS if name in moments), *(name for name in moments if name not in CURSORS)]
        return Preview([field.name for field in fields], rows, cursors, ["Id"])

    def read(
        self, pick: dict[str, Any], since: Since | None, position: dict[str, Any], folder: Path, tell: Tell
    ) -> Reading:
        client, target = self.client, folder / "table.parquet"
        fields = _readable(client.fields(_object(pick)))
        origin = f"{self.words_of(pick)} in {self.place}"
        if since is None:
            return Reading(target, _read(client, pick, fields, "", folder, target, tell), origin)
        newest = _newest(client, pick, since.cursor_field)
        where = f" WHERE {since.cursor_field} >= {_a_little_before(since.cursor)}" if since.cursor is not None else ""
        report = _read(client, pick, fields, where, folder, target, tell)
        total = client.count(f"SELECT COUNT() FROM {_object(pick)}")
        key = [field for field in fields if field.name == since.key_field]
        if not key:
            raise SourceProblem(f"{origin} has no field {since.key_field}, by which its records are told apart.")

        def keys(path: Path) -> None:
            _read(client, pick, key, "", folder, path, tell)

        found = {"cursor": newest} if newest else {}
        return Reading(target, report, origin, found, changes_only=bool(where), total=total, keys=keys)


def _readable(fields: list[FieldFacts]) -> list[FieldFacts]:
    owners = [FieldFacts(name, "string", 0, False, False) for name in OWNER]
    return fields + (owners if any(field.name == "OwnerId" for field in fields) else [])


def _object(pick: dict[str, Any]) -> str:
    name = str(pick.get("table") or "")
    if not NAME.fullmatch(name):
        raise SourceProblem("Pick what is to be read.")
    return name


def _select(fields: list[FieldFacts], pick: dict[str, Any]) -> str:
    return f"SELECT {', '.join(field.name for field in fields)} FROM {_object(pick)}"


def _newest(client: Client, pick: dict[str, Any], cursor_field: str) -> str | None:
    """The cursor's newest value, asked before the records, so that nothing slips between."""
    if not NAME.fullmatch(cursor_field):
        raise SourceProblem(f"{cursor_field[:80]} cannot tell what has changed. Pick a time, such as SystemModstamp.")
    asked = f"SELECT {cursor_field} FROM {_object(pick)} ORDER BY {cursor_field} DESC NULLS LAST LIMIT 1"
    records = next(client.pages(asked))
    return _moment(as_text(records[0][cursor_field])) if records else None


def _a_little_before(cursor: str) -> str:
    """The moment from which on changes are asked for, as a SOQL literal."""
    try:
        moment = datetime.fromisoformat(cursor).astimezone(UTC) - OVERLAP
    except (ValueError, OverflowError):
        raise SourceProblem(
            f"{cursor[:80]} is no time. Pick a time to tell changes by, such as SystemModstamp."
        ) from None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(
    client: Client, pick: dict[str, Any], fields: list[FieldFacts], where: str, folder: Path, target: Path, tell: Tell
) -> ReadReport:
    """Write all records that match into `target`, by pages or as a bulk job; what came is what was counted, or an exception is raised."""
    soql = _select(fields, pick) + where
    schema = pa.schema([(field.name, pa.string()) for field in fields])
    expected = client.count(f"SELECT COUNT() FROM {_object(pick)}{where}")
    with ExitStack() as open_jobs:
        if expected <= BULK_FROM and len(quote(soql)) <= LONGEST_QUERY:
            batches = _paged(client, soql, fields, schema)
        else:
            job = open_jobs.enter_context(client.bulk(soql, lambda: tell(0, expected)))
            batches = _from_results(job, folder, fields, schema)
        return write_batches(map(blank_is_null, batches), schema, target, [], tell)


def _paged(client: Client, soql: str, fields: list[FieldFacts], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for records in client.pages(soql):
        yield pa.record_batch(
            [pa.array([_value(record, field) for record in records], pa.string()) for field in fields], schema
        )


def _from_results(job: Bulk, folder: Path, fields: list[FieldFacts], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    read = 0
    for part, file in enumerate(job.results(folder)):
        if part > MOST_PARTS:
            break
        for batch in _csv_batches(file, schema):
            read += batch.num_rows
            if read > job.records:
                break
            columns = [_alike(column, field) for column, field in zip(batch.columns, fields, strict=True)]
            yield pa.record_batch(columns, schema)
    if read != job.records:
        raise SourceProblem(f"{job.client.place} counted {job.records:,} records but sent {read:,}.")


def _csv_batches(file: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    types = {name: pa.string() for name in schema.names}
    try:
        yield from pacsv.open_csv(
            file,
            read_options=pacsv.ReadOptions(block_size=8 << 20),
            parse_options=pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(column_types=types, include_columns=schema.names),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise SourceProblem(f"The bulk result cannot be read: {str(error)[:160]}") from error


def _alike(column: pa.Array, field: FieldFacts) -> pa.Array:
    """Values of a bulk result as a query writes them."""
    form = _form(field)
    if form is None:
        return column
    return pa.array([value and form(value) for value in column.to_pylist()], pa.string())


def _value(record: dict[str, Any], field: FieldFacts) -> str | None:
    """A field of a queried record; "Owner.Name" lies within."""
    found: Any = record
    for part in field.name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    text, form = as_text(found), _form(field)
    return form(text) if form and text else text


def _form(field: FieldFacts) -> Callable[[str], str] | None:
    return _number if field.type in NUMBERS else _moment if field.type in MOMENTS else None


def _number(text: str) -> str:
    """Bulk results write 5.0E7 where a query writes 50000000.0."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite() or abs(number.adjusted()) > MOST_DIGITS:
        return text
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _moment(text: str | None) -> str | None:
    """Queries write +0000, bulk results Z, both with thousandths of a second."""
    if not text:
        return text
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return text


CONNECTOR = Salesforce
