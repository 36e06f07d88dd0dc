"""The pages about deliveries: set up by a few forms, what arrived is shown, and nothing is half done."""

from __future__ import annotations

import json

import pytest

from apps.deliveries.channels import registry
from apps.deliveries.models import Delivery
from apps.outbox.models import Sending
from apps.workspaces.models import AuditEntry
from tests.deliveries.conftest import newest
from tests.servers import PASSWORD, Web, send_bytes


@pytest.fixture
def base(client, owner, workspace, scored):
    client.force_login(owner)
    return f"/w/{workspace.slug}/predictions/{scored.id}/deliveries/"


@pytest.fixture
def web():
    taken = []

    def answer(handler) -> None:
        taken.append(handler.rfile.read(int(handler.headers["Content-Length"])))
        send_bytes(handler, b"")

    server = Web(answer)
    server.taken = taken
    yield server
    server.stop()


PLAN = {
    "name": "Nightly",
    "which": "all",
    "band": "high",
    "rises": 70,
    "falls": 30,
    "jumps": 10,
    "count": 10,
    "schedule": "run",
    "hour": 8,
    "weekday": 0,
}


def test_an_empty_page_says_what_deliveries_are_for(client, base):
    page = client.get(base).content.decode()
    assert "Bring the scores to where people work" in page
    assert all(kind.title in client.get(f"{base}new/").content.decode() for kind in registry().values())


def test_a_database_is_set_up_in_three_forms_and_written_to(client, base, other_postgres, perform_runs, deliver):
    other_postgres.run(
        "DROP TABLE IF EXISTS accounts",
        "CREATE TABLE accounts (customerid text PRIMARY KEY, score double precision, band text, amount int)",
    )
    form = other_postgres.settings | {"user": "writer", "password": "wrong"}
    assert "refuses the password of writer" in client.post(f"{base}new/postgresql/", form).content.decode()
    assert not Delivery.objects.exists()
    answer = client.post(f"{base}new/postgresql/", form | {"password": PASSWORD})
    delivery = Delivery.objects.get()
    assert answer["Location"].endswith(f"/deliveries/{delivery.id}/target/")
    assert PASSWORD not in delivery.sealed + json.dumps(delivery.settings)
    page = client.post(answer["Location"], {"choice": '["public", "accounts"]'}).content.decode()
    assert '<option value="score" selected>' in page, "columns are guessed by their names"
    assert '<option value="customerid" selected>' in page
    columns = {"table": '["public", "accounts"]', "key": "customerid", "score": "score", "band": "band"}
    assert "one thing only" in client.post(answer["Location"], columns | {"reasons": "band"}).content.decode()
    answer = client.post(answer["Location"], columns)
    assert answer["Location"].endswith("/plan/")
    answer = client.post(answer["Location"], PLAN | {"hold_percent": 20, "expires_days": 7, "now": "on"})
    deliver(delivery)
    page = client.get(answer["Location"]).content.decode()
    assert "0 of 200 customers arrived" in page
    assert "no row for 200" in page
    assert "accounts" in page
    client.post(f"{base}{delivery.id}/change/", {"action": "try"})
    perform_runs()
    assert "200 new, 0 changed" in client.get(answer["Location"]).content.decode()


def test_the_connection_of_the_datasets_own_source_need_not_be_entered_again(
    client, base, other_postgres, owner, scored
):
    from apps.datasets import sources
    from apps.datasets.models import Source

    found = sources.connect(
        "postgresql", other_postgres.settings | {"user": "writer"}, {"password": PASSWORD}, scored.workspace_id, owner
    )
    Source.objects.filter(id=found.id).update(dataset=scored.dataset)
    page = client.get(f"{base}new/postgresql/").content.decode()
    assert str(other_postgres.port) in page
    assert PASSWORD not in page
    form = other_postgres.settings | {"user": "writer", "password": ""}
    moved = client.post(f"{base}new/postgresql/", form | {"host": "localhost"}).content.decode()
    assert "The address has changed" in moved, "a kept password goes to no other server"
    assert client.post(f"{base}new/postgresql/", form).status_code == 302


def test_a_webhook_is_tested_before_it_is_kept_and_its_secret_shown_to_builders_only(
    client, base, web, workspace, join
):
    form = {"url": f"{web.base}/hook", "events": ["scores.changed", "run.finished"], "action": "test"}
    assert "answered 200" in client.post(f"{base}new/webhook/", form).content.decode()
    assert json.loads(web.taken[0])["type"] == "test"
    answer = client.post(f"{base}new/webhook/", form | {"action": "save"})
    assert "whsec_" not in client.get(answer["Location"]).content.decode()
    answer = client.post(answer["Location"], PLAN | {"which": "rises", "rises": 85})
    delivery = Delivery.objects.get()
    assert delivery.which["limit"] == 0.85
    page = client.get(answer["Location"]).content.decode()
    assert "Customers whose score rises to 85% or more" in page
    secret = page.split("whsec_")[1][:40]
    client.post(f"{base}{delivery.id}/change/", {"action": "secret"})
    assert secret not in client.get(answer["Location"]).content.decode()
    client.force_login(join(workspace, "viewer"))
    assert "whsec_" not in client.get(answer["Location"]).content.decode()


@pytest.mark.parametrize(("wrong", "says"), [
    ({"which": "rises", "rises": "120"}, "above 0 and up to 100"), ({"which": "top", "count": ""}, "from 1 to 10,000"), ({"which": "nonsense"}, ""),
    ({"schedule": "never"}, "valid choice"), ({"name": ""}, "required"), ({"hour": "25"}, "valid choice"), ({"jumps": "x", "which": "jumps"}, "Enter a number"),
])  # fmt: skip
def test_a_wrong_plan_is_said_and_nothing_is_switched_on(client, base, web, wrong, says):
    client.post(f"{base}new/webhook/", {"url": f"{web.base}/hook", "events": ["scores.changed"]})
    delivery = Delivery.objects.get()
    page = client.post(f"{base}{delivery.id}/plan/", PLAN | wrong)
    assert page.status_code == 200
    assert says in page.content.decode()
    delivery.refresh_from_db()
    assert delivery.state == "draft"


def test_pause_resume_give_up_try_again_and_delete(client, base, web, owner, deliver):
    client.post(f"{base}new/webhook/", {"url": f"{web.base}/hook", "events": ["scores.changed"]})
    delivery = Delivery.objects.get()
    address = f"{base}{delivery.id}/"
    client.post(f"{address}plan/", PLAN)
    client.post(f"{address}change/", {"action": "send"})
    sending = newest(delivery)
    client.post(f"{address}sendings/{sending.id}/", {"action": "drop"})
    assert newest(delivery).state == "dropped"
    client.post(f"{address}change/", {"action": "pause"})
    assert "Paused by Anna" in client.get(address).content.decode()
    client.post(f"{address}change/", {"action": "resume"})
    client.post(f"{address}sendings/{sending.id}/", {"action": "replay"})
    deliver(delivery)
    assert "200 of 200 customers arrived" in client.get(address).content.decode()
    assert "200 of 200 customers arrived" in client.get(base).content.decode()
    client.post(f"{address}change/", {"action": "delete"})
    assert not Delivery.objects.exists()
    assert not Sending.objects.exists()
    assert {
        "delivery connected",
        "delivery planned",
        "delivery paused",
        "delivery replayed",
        "delivery deleted",
    } <= set(AuditEntry.objects.values_list("action", flat=True))


def test_the_list_asks_as_many_queries_for_nine_as_for_one(client, base, make_delivery):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    client.get(base)  # a session's first page notes where it is
    for number in range(9):
        make_delivery(
            "webhook",
            {"url": f"https://x{number}.example", "events": ["scores.changed"]},
            {"signing_secret": "whsec_YQ=="},
            now=True,
        )
        with CaptureQueriesContext(
            connection,
        ) as asked:
            client.get(base)
        counts.append(len(asked))
    assert len(set(counts)) == 1


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "webhook", "email_list", "s3", "sftp"])
def test_nasty_text_in_any_field_of_any_form_is_refused_with_a_sentence(client, base, kind, scored):
    for text in (
        "'; DROP TABLE x; --",
        "<script>alert(1)</script>",
        "\x01\x02",
        "ü" * 400,
        "{{ 7*7 }}",
        "%s%n%(x)s",
        "../../etc/passwd",
        "127.0.0.1:1",
    ):
        names = [setting.name for setting in registry()[kind].settings_asked(scored)]
        page = client.post(
            f"{base}new/{kind}/", {name: (1 if name == "port" else text) for name in names} | {"action": "save"}
        )
        assert page.status_code == 200, (kind, text)
        assert "<script>alert(1)" not in page.content.decode()
    assert not Delivery.objects.exists()


def test_the_page_follows_a_delivery_until_it_has_arrived_and_then_loads_anew(
    client, base, web, make_delivery, deliver, owner, scored
):
    from apps.deliveries import plan as planning

    hook = make_delivery("webhook", {"url": f"{web.base}/hook", "events": ["scores.changed"]}, {"signing_secret": "whsec_YWJj"})  # fmt: skip
    planning.plan_now(hook, owner)
    page = f"{base}{hook.id}/"
    assert 'data-hx-trigger="every 1s" data-hx-swap="innerHTML"' in client.get(page).content.decode()
    waiting = client.get(page, headers={"HX-Request": "true"})
    assert "On its way" in waiting.content.decode()
    assert "HX-Refresh" not in waiting
    deliver(hook)
    assert client.get(page, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
