"""Salesforce as a source: signed in by client credentials, read by pages or in bulk, changes told by its time stamp."""

from __future__ import annotations

import contextlib
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from apps.datasets.connectors.base import Since, SourceProblem
from apps.datasets.connectors.salesforce import Salesforce as Connector
from einstein.outbound.addresses import OutboundProblem
from tests.servers import PASSWORD

PICK = {"table": "Account", "title": "Accounts"}


def accounts(count: int) -> list[dict]:
    return [
        {"Id": f"001{n:012d}AAA", "Name": f'Firm {n}, "north"\nand south', "AnnualRevenue": 5e7 + n / 4, "Active__c": n % 2 == 0, "OwnerId": f"005{n % 3}",
         "Phone": None if n % 4 else "030 1234"}
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture
def full(salesforce):
    salesforce.put("Account", accounts(1300), AnnualRevenue="currency", Active__c="boolean")
    return salesforce


def connector(server, **changes: str) -> Connector:
    secret = {"consumer_secret": changes.pop("consumer_secret", PASSWORD)}
    return Connector(server.settings | changes, secret)


def read(server, tmp_path: Path, since: Since | None = None):
    reading = connector(server).read(PICK, since, {}, tmp_path, lambda done, total: None)
    return reading, pq.read_table(reading.path).to_pylist()


def test_a_query_of_many_pages_brings_every_record_with_its_owner(full, tmp_path):
    reading, rows = read(full, tmp_path)
    assert reading.report.rows == len(rows) == 1300
    assert rows[7] == {
        "Id": "001000000000007AAA", "Name": 'Firm 7, "north"\nand south', "AnnualRevenue": "50000001.75", "Active__c": "false", "OwnerId": "0051",
        "Phone": None, "SystemModstamp": rows[7]["SystemModstamp"], "Owner.Name": "Name of 0051", "Owner.Email": "Email of 0051",
    }  # fmt: skip
    assert rows[7]["SystemModstamp"].endswith("Z")


def test_a_bulk_job_brings_the_same_values_as_a_query_and_is_thrown_away(full, tmp_path, monkeypatch):
    _, queried = read(full, tmp_path)
    monkeypatch.setattr("apps.datasets.connectors.salesforce.BULK_FROM", 100)
    reading, rows = read(full, tmp_path)
    assert rows == queried
    assert reading.report.rows == 1300
    assert full.asked[-1].startswith("DELETE /services/data/v62.0/jobs/query/")


def test_a_bulk_result_of_several_parts_is_put_together(salesforce, tmp_path):
    salesforce.put("Account", accounts(9001), AnnualRevenue="currency", Active__c="boolean")
    reading, rows = read(salesforce, tmp_path)
    assert len({row["Id"] for row in rows}) == reading.report.rows == 9001
    assert sum("/results" in call for call in salesforce.asked) == 3


def test_an_ended_session_is_begun_again_once(full, tmp_path):
    client = connector(full).client
    client.objects()
    full.tokens.clear()
    assert [each["name"] for each in client.objects()] == ["Account"]
    full.troubles += [("/sobjects/", 401, "INVALID_SESSION_ID", "Session expired")] * 2
    with pytest.raises(SourceProblem, match="Session expired"):
        client.objects()


def test_changes_are_asked_for_from_a_little_before_the_last_time_and_all_keys_on_demand(full, tmp_path):
    first, _ = read(full, tmp_path, Since("SystemModstamp", "Id", None))
    assert not first.changes_only
    stamp = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    for number, record in enumerate(full.records["Account"].values()):
        if number > 2:
            record["SystemModstamp"] = stamp
    del full.records["Account"]["001000000001200AAA"]
    later, rows = read(full, tmp_path, Since("SystemModstamp", "Id", first.position["cursor"]))
    assert later.changes_only
    assert [row["Id"] for row in rows] == [f"001{n:012d}AAA" for n in range(3)]
    assert later.total == 1299
    later.keys(tmp_path / "keys.parquet")
    assert pq.read_metadata(tmp_path / "keys.parquet").num_rows == 1299


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"consumer_key": "other"}, "The consumer key is unknown"),
        ({"consumer_secret": "wrong"}, "The consumer secret does not fit the consumer key"),
        ({"address": "http://crm.example.com"}, "not encrypted|no host named"),
        ({"address": "mycompany.my.salesforce.com"}, "is no web address"),
    ],
)
def test_what_is_wrong_with_a_connection_is_said(full, changes, words):
    with pytest.raises(OutboundProblem, match=words):
        connector(full, **changes).test()


def test_a_secret_is_not_sent_without_encryption(full, settings, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda host, port, **_: [(2, 1, 6, "", ("93.184.216.34", port))])
    with pytest.raises(OutboundProblem, match="not encrypted"):
        connector(full, address="http://crm.example.com").test()


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (("/query", 403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), "daily limit of API requests is used up"),
        (("/describe", 404, "NOT_FOUND", "The requested resource does not exist"), "does not exist"),
        (("/query", 500, "UNKNOWN_EXCEPTION", "An unexpected error occurred."), "An unexpected error occurred"),
    ],
)  # fmt: skip
def test_what_salesforce_refuses_is_said_in_words(full, tmp_path, trouble, words):
    full.troubles.append(trouble)
    with pytest.raises(SourceProblem, match=words):
        read(full, tmp_path)


def test_fewer_records_than_were_counted_are_not_taken_for_all(full, tmp_path, monkeypatch):
    original = full._page

    def short(handler, number, start):
        if start:
            full.jobs[number]["records"] = full.jobs[number]["records"][:-1]
        original(handler, number, start)

    monkeypatch.setattr(full, "_page", short)
    with pytest.raises(SourceProblem, match="counted 1,300 records but sent 1,29"):
        read(full, tmp_path)


def test_a_token_is_not_carried_to_another_server(full):
    client = connector(full).client
    client.objects()
    with pytest.raises(SourceProblem, match="sends us on to another server"):
        client.signed("https://elsewhere.example.com/services/data")


@pytest.mark.parametrize("name", ["Account WHERE Id != null", "Account'", "", "A" * 200])
def test_only_a_name_can_be_picked(full, tmp_path, name):
    with pytest.raises(SourceProblem, match="Pick what is to be read"):
        connector(full).read({"table": name}, None, {}, tmp_path, lambda done, total: None)


JUNK = [b"", b"null", b"[]", b"{}", b'"x"', b"7", b"<html>welcome</html>", b"\xff\xfe\x00", b'{"sobjects": 3}', b'{"sobjects": [{}]}', b'{"fields": [7]}',
        b'{"totalSize": "many", "records": []}', b'{"totalSize": 5, "done": false, "records": [{}], "nextRecordsUrl": "/services/data/v62.0/query/again"}',
        b'{"totalSize": 1, "records": 3}', b'[{"errorCode": 5}]', b'{"fields": [{"name": "Id", "type": "id"}], "sobjects": [], "totalSize": 3, "records": []}']  # fmt: skip


@pytest.mark.parametrize("body", JUNK)
def test_a_server_that_only_pretends_to_be_salesforce_gets_a_sentence(salesforce, tmp_path, monkeypatch, body):
    from tests.salesforce import Salesforce, _send

    def answer(self, handler):
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if handler.path.endswith("/token"):
            _send(
                handler,
                *self._token(
                    {"grant_type": ["client_credentials"], "client_id": ["3MVG9"], "client_secret": [PASSWORD]}
                ),
            )
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    monkeypatch.setattr(Salesforce, "_answer", answer)
    made = connector(salesforce)
    for deed in (
        lambda: made.choices(),
        lambda: made.preview(PICK),
        lambda: made.read(PICK, None, {}, tmp_path, lambda done, total: None),
        lambda: made.read(
            PICK, Since("SystemModstamp", "Id", "2026-01-01T00:00:00Z"), {}, tmp_path, lambda done, total: None
        ),
    ):
        with contextlib.suppress(OutboundProblem):  # a list without objects fits, anything else gets its sentence
            deed()


def test_more_records_than_were_counted_are_not_taken(full, tmp_path, monkeypatch):
    original = full._page

    def longer(handler, number, start):
        full.jobs[number]["records"] += full.jobs[number]["records"][:1] if start else []
        original(handler, number, start)

    monkeypatch.setattr(full, "_page", longer)
    with pytest.raises(SourceProblem, match="counted 1,300 records but sent 1,30"):
        read(full, tmp_path)


@pytest.mark.parametrize("number", ["1E3000000000", "-1E99999", "NaN", "Infinity"])
def test_a_number_beyond_all_measure_stays_as_it_is_written(number):
    from apps.datasets.connectors.salesforce import _number

    assert _number(number) == number


def test_an_object_of_very_many_fields_can_be_looked_at(salesforce):
    row = {"Id": "001000000000001AAA", **{f"A_rather_long_field_name_{n}__c": "x" for n in range(900)}}
    salesforce.put("Account", [row])
    shown = connector(salesforce).preview(PICK)
    assert len(shown.header) == 902
    assert shown.rows[0][0] == row["Id"]


def test_a_failure_to_throw_a_job_away_fails_nothing(full, tmp_path, monkeypatch):
    monkeypatch.setattr("apps.datasets.connectors.salesforce.BULK_FROM", 100)
    original = full._job

    def broken(handler, number, results, query):
        if handler.command == "DELETE":
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        original(handler, number, results, query)

    monkeypatch.setattr(full, "_job", broken)
    assert read(full, tmp_path)[0].report.rows == 1300
