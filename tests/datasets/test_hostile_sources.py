"""Sources that mean harm, or are broken: private addresses by every road, endless and silent servers, SQL where none belongs."""

from __future__ import annotations

import socket
import threading
import time

import psycopg
import pyarrow.parquet as pq
import pytest

from apps.datasets.connectors import registry
from apps.datasets.connectors.base import SourceProblem
from apps.datasets.connectors.base.sql import guarded
from apps.datasets.connectors.postgresql.copy import CopyByPsql
from apps.datasets.models import Source
from apps.workspaces.scope import workspace_scope
from einstein.outbound import addresses, http
from einstein.outbound.addresses import OutboundProblem, checked_address
from tests.servers import PASSWORD, Web, send_bytes


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "::1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "::ffff:127.0.0.1", "fd00::1",
     "fe80::1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "224.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "localhost.", "LOCALHOST"],
)  # fmt: skip
def test_no_spelling_of_a_private_address_is_reached(settings, host):
    settings.OUTBOUND_ALLOW = []
    with pytest.raises(OutboundProblem, match="private network|no host named"):
        checked_address(host, 80)


def test_the_operators_list_allows_exactly_what_it_names(settings):
    settings.OUTBOUND_ALLOW = ["10.0.0.0/8", "127.0.0.1:5432", "localhost:81"]
    assert checked_address("10.9.9.9", 1) == "10.9.9.9"
    assert checked_address("127.0.0.1", 5432) == "127.0.0.1"
    assert checked_address("localhost", 81)
    for host, port in (("127.0.0.1", 5433), ("192.168.0.1", 5432), ("localhost", 82)):
        with pytest.raises(OutboundProblem):
            checked_address(host, port)


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "sftp", "s3", "url"])
def test_every_kind_of_source_refuses_a_private_address(settings, kind):
    settings.OUTBOUND_ALLOW = []
    values = {"host": "192.168.0.9", "port": 5432, "database": "d", "user": "u", "bucket": "b", "region": "r", "endpoint": "http://192.168.0.9",
              "access_key": "a", "url": "http://192.168.0.9/x.csv"}  # fmt: skip
    with pytest.raises(OutboundProblem, match="private network"):
        registry()[kind](values, {"password": "x", "secret_key": "x"}).test()


def test_a_redirect_to_a_private_address_is_not_followed(settings):
    asked = []
    inside = Web(lambda handler: (asked.append(handler.path), send_bytes(handler, b"a,b\n1,2\n")))
    outside = Web(lambda handler: send_bytes(handler, b"", 302, Location=f"{inside.base}/secret"))
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{outside.server.server_port}"]
    with pytest.raises(OutboundProblem, match="private network"):
        registry()["url"]({"url": f"{outside.base}/x.csv"}, {}).test()
    assert asked == []


def test_a_password_does_not_follow_a_redirect_to_another_host(settings):
    seen = []
    second = Web(
        lambda handler: (seen.append(handler.headers.get("Authorization")), send_bytes(handler, b"a,b\n1,2\n"))
    )
    first = Web(
        lambda handler: (
            seen.append(handler.headers.get("Authorization")),
            send_bytes(handler, b"", 302, Location=f"{second.base}/x.csv"),
        )
    )
    registry()["url"]({"url": f"{first.base}/x.csv"}, {"header": "Authorization: Bearer s3cret"}).test()
    assert seen == ["Bearer s3cret", None]


def test_a_name_that_resolves_otherwise_the_second_time_is_reached_where_it_was_checked(settings, monkeypatch):
    settings.OUTBOUND_ALLOW = []
    answers = iter(["93.184.215.14", "127.0.0.1", "127.0.0.1"])
    real, connected = socket.getaddrinfo, []

    def rebinding(host, port, *args, **kwargs):
        if host == "rebind.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]
        return real(host, port, *args, **kwargs)

    def connect(address, timeout=None, *args, **kwargs):
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(addresses.socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(OutboundProblem):
        http.fetch("GET", "http://rebind.example/")
    assert connected == ["93.184.215.14"]


def test_a_source_that_sends_without_end_is_cut_off(settings):
    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"1,2,3\n" * 10_000)
        except OSError:
            pass

    server = Web(endless)
    with pytest.raises(OutboundProblem, match="sends more than 5 MB"):
        http.fetch("GET", server.base, most_bytes=5 * 1024**2)


def test_a_source_that_drips_is_cut_off_by_the_clock_and_one_that_is_silent_too():
    def dripping(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(200):
                handler.wfile.write(b"x")
                time.sleep(0.1)
        except OSError:
            pass

    began = time.monotonic()
    with pytest.raises(OutboundProblem, match="not done within the time allowed"):
        http.fetch("GET", Web(dripping).base, seconds=1.5)
    with (
        pytest.raises(OutboundProblem, match="took too long"),
        http.send("GET", f"http://127.0.0.1:{silent_port()}/", idle_seconds=1),
    ):
        pass
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "sftp"])
def test_a_database_that_takes_the_connection_and_never_speaks_gives_the_worker_back(kind, monkeypatch):
    monkeypatch.setattr("apps.datasets.connectors.sftp.SECONDS", 2)
    values = {
        "host": "127.0.0.1",
        "port": silent_port(),
        "database": "d",
        "user": "u",
        "tls": "none" if kind == "mysql" else "prefer",
    }
    began = time.monotonic()
    with pytest.raises(OutboundProblem):
        registry()[kind](values, {"password": "x"}).test()
    assert time.monotonic() - began < 25


def silent_port() -> int:
    """A port that takes connections and says nothing."""
    server = socket.create_server(("127.0.0.1", 0))
    kept = []
    threading.Thread(target=lambda: [kept.append(server.accept()) for _ in range(3)], daemon=True).start()
    return server.getsockname()[1]


def test_a_file_that_breaks_off_is_never_taken_for_a_whole_one(tmp_path):
    def broken(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        handler.wfile.write(b"a,b\n1,2\n" * 100)
        handler.connection.shutdown(socket.SHUT_RDWR)

    with pytest.raises(OutboundProblem, match="broke off|stopped after"):
        registry()["url"]({"url": f"{Web(broken).base}/x.csv"}, {}).read(
            {}, None, {}, tmp_path, lambda done, total: None
        )


@pytest.fixture(params=["psql", "our connection"])
def receiver(request, monkeypatch):
    """PostgreSQL's records come by psql where there is one, else by our own connection."""
    monkeypatch.setattr(CopyByPsql, "can", staticmethod(lambda address, query: request.param == "psql"))


def test_a_table_that_changes_midway_breaks_nothing(receiver, other_postgres, tmp_path):
    """Readers see one state of the database from the first row to the last."""
    other_postgres.run(
        "DROP TABLE IF EXISTS moving",
        "CREATE TABLE moving AS SELECT i AS id, 'x' AS word FROM generate_series(1, 200000) i",
    )
    connector = registry()["postgresql"](other_postgres.settings, {"password": PASSWORD})
    changed = []

    def change(done: int, total: int | None) -> None:
        if not changed:
            changed.append(
                threading.Thread(
                    target=lambda: other_postgres.run(
                        "DELETE FROM moving WHERE id > 100", "ALTER TABLE moving RENAME COLUMN word TO other"
                    )
                )
            )
            changed[0].start()

    reading = connector.read({"schema": "public", "table": "moving"}, None, {}, tmp_path, change)
    changed[0].join()
    assert (reading.report.rows, reading.report.fields) == (200_000, ["id", "word"])


def test_reading_stops_when_the_run_is_taken_away(receiver, other_postgres, tmp_path):
    other_postgres.run(
        "DROP TABLE IF EXISTS many",
        "CREATE TABLE many AS SELECT i AS id, repeat('y', 200) AS word FROM generate_series(1, 300000) i",
    )
    connector = registry()["postgresql"](other_postgres.settings, {"password": PASSWORD})

    def stop(done: int, total: int | None) -> None:
        raise InterruptedError

    began = time.monotonic()
    with pytest.raises(InterruptedError):
        connector.read({"schema": "public", "table": "many"}, None, {}, tmp_path, stop)
    assert time.monotonic() - began < 15


def test_values_that_look_like_the_format_itself_arrive_as_they_are(receiver, other_postgres, tmp_path):
    values = [
        "a\tb",
        "a\nb",
        "a\\nb",
        "\\.",
        "\\N",
        "C:\\new\\table",
        "\r",
        "'\"",
        "\u202e",
        "ünï\x7f",
        "",
        None,
        "x" * 200_000,
    ]
    other_postgres.run("DROP TABLE IF EXISTS odd", 'CREATE TABLE odd (n int, "wo\trd" text)')
    with psycopg.connect(other_postgres.owner) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO odd VALUES (%s, %s)", list(enumerate(values)))
    connector = registry()["postgresql"](other_postgres.settings, {"password": PASSWORD})
    reading = connector.read({"schema": "public", "table": "odd"}, None, {}, tmp_path, lambda done, total: None)
    assert pq.read_table(reading.path).column(1).to_pylist() == [value or None for value in values]


def test_a_reading_that_the_server_breaks_off_is_no_table_and_says_why(receiver, other_postgres, tmp_path):
    other_postgres.run("DROP VIEW IF EXISTS faulty",
                       "CREATE VIEW faulty AS SELECT i, 1 / (250000 - i) AS share, repeat('z', 90) AS word FROM generate_series(1, 300000) i")  # fmt: skip
    connector = registry()["postgresql"](other_postgres.settings, {"password": PASSWORD})
    with pytest.raises(SourceProblem, match="division by zero"):
        connector.read({"schema": "public", "table": "faulty"}, None, {}, tmp_path, lambda done, total: None)


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM customers", "DROP TABLE customers", "SELECT 1; DELETE FROM customers", "WITH gone AS (DELETE FROM customers RETURNING *) SELECT * FROM gone",
     "SELECT * INTO copied FROM customers", "COPY customers TO PROGRAM 'id'", "SELECT * FROM customers FOR UPDATE", "UPDATE customers SET plan = 'x'", "CALL p()",
     "SET ROLE postgres", "", ";", "SELECT", "SELECT * FROM (", "VACUUM", "EXPLAIN ANALYZE DELETE FROM customers"],
)  # fmt: skip
def test_a_query_that_does_more_than_read_is_refused_with_a_sentence(query):
    with pytest.raises(SourceProblem):
        guarded(query, "postgres")


def test_a_query_is_read_as_it_is_and_cannot_write_even_through_a_function(receiver, other_postgres, tmp_path):
    other_postgres.run("DROP TABLE IF EXISTS victims", "CREATE TABLE victims (n int)", "INSERT INTO victims VALUES (1)",
                       "CREATE OR REPLACE FUNCTION wipe() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'DELETE FROM victims RETURNING 1'")  # fmt: skip
    connector = registry()["postgresql"](other_postgres.settings, {"password": PASSWORD})
    reading = connector.read(
        {"query": "SELECT n, '100%' AS \"share\" FROM victims -- all of them\n;"},
        None,
        {},
        tmp_path,
        lambda done, total: None,
    )
    assert reading.report.rows == 1
    with pytest.raises(SourceProblem, match="read-only"):
        connector.read({"query": "SELECT wipe()"}, None, {}, tmp_path, lambda done, total: None)
    with pytest.raises(SourceProblem, match="may not read that"):
        connector.read({"query": "SELECT pg_read_file('/etc/passwd')"}, None, {}, tmp_path, lambda done, total: None)


NASTY = [
    "'; DROP TABLE customers; --",
    '" OR 1=1 --',
    "${jndi:ldap://x}",
    "../../etc/passwd",
    "host=evil port=1",
    "a\nb",
    "x" * 5000,
    "\u202e",
    "%s%s%n",
    "{{7*7}}",
]


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "sftp", "s3", "url"])
@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_typed_into_a_connection_form_breaks_out_of_its_field(request, client, owner, workspace, kind, nasty):
    server = request.getfixturevalue("other_postgres")
    client.force_login(owner)
    connector = registry()[kind]
    usual = {**server.settings, "port": server.port if kind == "postgresql" else 1, "bucket": "b", "region": "us-east-1", "endpoint": "http://127.0.0.1:1", "access_key": "a", "secret_key": "s", "folder": "",
             "url": "http://127.0.0.1:1/x.csv", "password": PASSWORD, "tls": "prefer" if kind == "postgresql" else "none"}  # fmt: skip
    for setting in connector.settings_asked:
        answers = {asked.name: usual.get(asked.name, "") for asked in connector.settings_asked} | {
            setting.name: nasty,
            "action": "save",
        }
        shown = client.post(f"/w/{workspace.slug}/sources/new/{kind}/", answers, headers={"HX-Request": "true"})
        assert shown.status_code == 200
        assert "Traceback" not in shown.content.decode()
        with workspace_scope(workspace.id):
            assert not Source.objects.exists(), (setting.name, nasty)


@pytest.mark.parametrize(
    "choice",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"table": "nothing"}',
        '{"table": ["x"]}',
        '{"table": "pg_shadow", "schema": "pg_catalog"}',
        "query",
        "{",
    ],
)
def test_a_pick_that_is_none_is_answered_with_a_sentence(other_postgres, client, owner, workspace, choice):
    from apps.datasets import sources

    client.force_login(owner)
    with workspace_scope(workspace.id):
        source = sources.connect("postgresql", other_postgres.settings, {"password": PASSWORD}, workspace.id, owner)
    shown = client.post(
        f"/w/{workspace.slug}/datasets/{source.dataset_id}/source/pick/", {"choice": choice, "query": ""}
    )
    assert shown.status_code == 200
    assert 'role="alert"' in shown.content.decode()


def test_secrets_open_only_with_a_key_that_is_set_and_in_their_own_workspace(settings, workspace, elsewhere):
    from cryptography.fernet import Fernet

    from einstein.sealed import CannotOpen, reseal, seal, unseal

    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.SECRET_STORE_KEYS = [old]
    sealed = seal(workspace.id, {"password": PASSWORD})
    assert PASSWORD not in sealed
    with pytest.raises(CannotOpen):
        unseal(elsewhere.id, sealed)
    settings.SECRET_STORE_KEYS = [new, old]
    again = reseal(sealed)
    settings.SECRET_STORE_KEYS = [new]
    assert unseal(workspace.id, again) == {"password": PASSWORD}
    with pytest.raises(CannotOpen):
        unseal(workspace.id, sealed)


def test_all_secrets_are_resealed_by_one_command(settings, other_postgres, owner, workspace):
    from cryptography.fernet import Fernet
    from django.core.management import call_command

    from apps.datasets import sources
    from einstein.sealed import unseal

    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.SECRET_STORE_KEYS = [old]
    with workspace_scope(workspace.id):
        source = sources.connect("postgresql", other_postgres.settings, {"password": PASSWORD}, workspace.id, owner)
    settings.SECRET_STORE_KEYS = [new, old]
    call_command("reseal_secrets")
    settings.SECRET_STORE_KEYS = [new]
    with workspace_scope(workspace.id):
        source.refresh_from_db()
        assert unseal(workspace.id, source.sealed)["password"] == PASSWORD
