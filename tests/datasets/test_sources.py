"""Sources: the same customers in five kinds of places, read by the same few clicks, refreshed, and never half."""

from __future__ import annotations

import os

import pytest

from apps.datasets.connectors import registry
from apps.datasets.models import Dataset, HeldTable, Snapshot, Source
from apps.datasets.records import load, newest_snapshot, record_of
from apps.pipeline.story import plan_due_refresh
from apps.pipeline.tasks import perform
from apps.runs.models import Run
from apps.workspaces.scope import workspace_scope
from tests.datasets.places import (
    MariaPlace,
    Place,
    PostgresPlace,
    S3Place,
    SalesforcePlace,
    SftpPlace,
    WebPlace,
    as_csv,
    customers,
)
from tests.servers import PASSWORD


@pytest.fixture(params=["postgresql", "mysql", "s3", "sftp", "url", "salesforce"])
def place(request, tmp_path):
    kind = request.param
    if kind == "postgresql":
        return PostgresPlace(request.getfixturevalue("other_postgres"))
    if kind == "mysql":
        return MariaPlace(request.getfixturevalue("mariadb"))
    if kind == "salesforce":
        return SalesforcePlace(request.getfixturevalue("salesforce"))
    if kind == "s3":
        return S3Place(request.getfixturevalue("bucket"), tmp_path)
    return SftpPlace(request.getfixturevalue("sftp")) if kind == "sftp" else WebPlace()


@pytest.fixture
def clicks(client, owner, workspace, perform_runs):
    """Connects a place through the pages and reads it; returns the dataset."""
    client.force_login(owner)
    base = f"/w/{workspace.slug}"

    def go(place: Place, which: str = "newest", **planned: object) -> Dataset:
        answers = {name: value for name, value in (place.settings | place.secret).items() if value is not None}
        tried = client.post(
            f"{base}/sources/new/{place.kind}/", answers | {"action": "test"}, headers={"HX-Request": "true"}
        )
        assert "It works" in tried.content.decode(), tried.content.decode()
        made = client.post(f"{base}/sources/new/{place.kind}/", answers | {"action": "save"})
        assert made.status_code == 302, made.content.decode()
        picked = client.post(made["Location"], {"choice": place.choice, "which": which})
        assert picked.status_code == 302, picked.content.decode()
        shown = client.get(picked["Location"]).content.decode()
        assert ">C0" in shown and "customer_id" in shown
        plan = {
            "name": "Customers",
            "noun": "customer",
            "key_field": "customer_id",
            "mode": "full",
            "schedule": "daily",
            "hour": "5",
            "weekday": "0",
        }
        done = client.post(picked["Location"], plan | planned)
        assert done.status_code == 302, done.content.decode()
        with workspace_scope(workspace.id):
            perform_runs()
            return Dataset.objects.get(name="Customers")

    return go


@pytest.fixture
def again(perform_runs):
    from apps.datasets.sources import refresh_now

    def read(dataset: Dataset) -> Run:
        run = refresh_now(Source.objects.get(dataset=dataset), None)
        perform_runs()
        run.refresh_from_db()
        dataset.refresh_from_db()
        return run

    return read


def test_a_source_is_connected_by_clicks_and_read_again_as_a_difference(place, clicks, inside, again):
    rows = customers()
    place.put(rows)
    dataset = clicks(place)
    first = newest_snapshot(dataset)
    assert first.rows == 120
    assert dataset.key_field == "customer_id"
    kept = load(first)
    assert kept.loc[0].to_dict()["note"] == 'said 100% "yes", twice'
    assert kept["note"].isna().sum() == 96

    assert again(dataset).outcome["result"] == "unchanged"
    assert Snapshot.objects.count() == 1

    newer = customers(125, monthly={3: "99.50", 7: "98.00"})[1:]
    place.put(newer)
    outcome = again(dataset).outcome
    assert (outcome["added"], outcome["changed"], outcome["gone"]) == (5, 2, 1)
    second = newest_snapshot(dataset)
    assert second.base_id == first.id
    table = load(second).set_index("customer_id")
    assert len(table) == second.rows == 124
    assert table.loc["C0003", "monthly"].startswith("99.5")
    assert record_of(dataset, second, "C0000") == {}
    assert record_of(dataset, second, "C0007")["monthly"].startswith("98")
    assert len(load(first)) == 120, "an earlier snapshot can still be opened"


def test_only_what_changed_is_read_where_a_field_tells_it_and_deletions_are_found(
    other_postgres, mariadb, clicks, inside, again
):
    for place in (PostgresPlace(other_postgres), MariaPlace(mariadb)):
        Dataset.objects.filter(name="Customers").update(name="Other")
        place.put(customers())
        dataset = clicks(place, mode="changes", cursor_field="changed_at")
        changed = {5: "2026-11-22 08:00:00", 6: "2026-11-22 09:00:00"}
        place.put(
            [
                row
                for row in customers(
                    121, changed_at=changed | {120: "2026-11-22 09:30:00"}, plan={5: "Pro", 6: "Basic"}
                )
                if row["customer_id"] != "C0050"
            ]
        )
        outcome = again(dataset).outcome
        assert (outcome["added"], outcome["changed"], outcome["gone"]) == (1, 2, 1), place.kind
        assert outcome["read"] < 15, "not everything came over"
        table = load(newest_snapshot(dataset)).set_index("customer_id")
        assert len(table) == 120
        assert table.loc["C0005", "plan"] == "Pro"
        assert "C0050" not in table.index
        assert again(dataset).outcome["result"] == "unchanged"


def test_a_new_column_at_the_source_makes_a_reading_of_changes_a_whole_one(other_postgres, clicks, inside, again):
    place = PostgresPlace(other_postgres)
    place.put(customers())
    dataset = clicks(place, mode="changes", cursor_field="changed_at")
    place.put([row | {"region": "North"} for row in customers()])
    assert again(dataset).outcome["result"] == "snapshot"
    assert load(newest_snapshot(dataset))["region"].tolist() == ["North"] * 120


def test_a_table_that_lost_a_field_a_prediction_uses_is_held_told_and_taken_in_on_one_click(
    other_postgres, clicks, inside, again, client, workspace, perform_runs
):
    from apps.outbox.models import Message
    from apps.predictions.models import Prediction

    place = PostgresPlace(other_postgres)
    place.put(customers())
    dataset = clicks(place)
    Prediction.objects.create(
        name="P", dataset=dataset, outcome_kind="regression", outcome_field="monthly", state="active"
    )
    place.put([{("fee" if name == "monthly" else name): value for name, value in row.items()} for row in customers()])
    outcome = again(dataset).outcome
    assert outcome["result"] == "held"
    assert "monthly seems to be called fee now: 120 of 120 records hold the same value" in outcome["said"][0]
    assert newest_snapshot(dataset).number == 1
    assert Message.objects.get().subject == "Customers: a newer table waits for you"
    assert "fee" in Message.objects.get().text
    again(dataset)
    assert Message.objects.count() == 1, "the same difference is told once"
    shown = client.get(f"/w/{workspace.slug}/datasets/{dataset.id}/").content.decode()
    assert "monthly seems to be called fee now" in shown

    held = HeldTable.objects.get(state="open")
    client.post(f"/w/{workspace.slug}/datasets/{dataset.id}/held/{held.id}/", {"action": "accept"})
    perform_runs()
    table = load(newest_snapshot(dataset))
    assert "monthly" in table and "fee" not in table
    assert not HeldTable.objects.filter(state="open").exists()
    place.put(
        [
            {("fee" if name == "monthly" else name): value for name, value in row.items()}
            for row in customers(monthly={1: "1.00"})
        ]
    )
    found = again(dataset).outcome
    assert found["changed"] == 1, found


def test_the_newest_of_several_files_is_the_table_or_each_new_one_adds_to_it(sftp, clicks, inside, again):
    rows = customers()
    folder = sftp.folder / "daily"
    folder.mkdir()
    for number, part in enumerate((rows[:70], rows[70:])):
        file = folder / f"customers-2026-11-0{number + 1}.csv"
        file.write_bytes(as_csv(part))
        os.utime(file, (1_700_000_000 + number, 1_700_000_000 + number))
    place = SftpPlace(sftp)
    connector = registry()["sftp"](sftp.settings, place.secret)
    assert [choice.title for choice in connector.choices()] == ["daily/customers-*.csv"]
    place.choice = '{"pattern": "daily/customers-*.csv"}'
    source = clicks(place, which="new")
    assert newest_snapshot(source).rows == 120
    third = folder / "customers-2026-11-03.csv"
    third.write_bytes(as_csv(customers(130, plan={2: "Gold"})[2:3] + customers(130)[120:]))
    os.utime(third, (1_700_000_100, 1_700_000_100))
    outcome = again(source).outcome
    assert (outcome["added"], outcome["changed"], outcome["gone"]) == (10, 1, 0)
    assert load(newest_snapshot(source)).set_index("customer_id").loc["C0002", "plan"] == "Gold"
    assert again(source).outcome["result"] == "unchanged"


def test_a_new_file_with_a_new_field_adds_both_records_and_field(sftp, clicks, inside, again):
    folder = sftp.folder / "daily"
    folder.mkdir()
    rows = customers()
    (folder / "customers-1.csv").write_bytes(as_csv(rows))
    os.utime(folder / "customers-1.csv", (1_700_000_000, 1_700_000_000))
    place = SftpPlace(sftp)
    place.choice = '{"pattern": "daily/customers-1.csv"}'
    dataset = clicks(place, which="new")
    more = [row | {"region": "North"} for row in customers(125)[118:]]
    (folder / "customers-1.csv").write_bytes(as_csv(more))
    assert again(dataset).outcome["result"] == "snapshot"
    table = load(newest_snapshot(dataset)).set_index("customer_id")
    assert len(table) == 125
    assert table["region"].notna().sum() == 7
    assert table.loc["C0003", "plan"] == rows[3]["plan"]


def test_reading_now_does_not_wait_for_a_planned_retry(other_postgres, clicks, inside):
    from django.utils import timezone

    from apps.datasets.refresh import plan_retry
    from apps.datasets.sources import refresh_now

    place = PostgresPlace(other_postgres)
    place.put(customers())
    dataset = clicks(place)
    plan_retry(dataset.workspace_id, dataset.id)
    assert Run.objects.get(state="queued").due_at > timezone.now()
    run = refresh_now(Source.objects.get(dataset=dataset), None)
    assert Run.objects.get(state="queued").due_at <= timezone.now()
    assert run.due_at <= timezone.now()


def test_a_file_that_has_not_changed_is_not_sent_again(clicks, inside, again):
    place = WebPlace()
    place.put(customers())
    dataset = clicks(place)
    asked = len(place.asked)
    assert again(dataset).outcome["result"] == "unchanged"
    assert place.asked[asked:] == [f'"{hash(place.body)}"']


def test_a_refresh_that_fails_keeps_the_last_good_records_says_why_and_comes_again(
    other_postgres, clicks, inside, workspace, client
):
    from apps.datasets.sources import refresh_now

    place = PostgresPlace(other_postgres)
    place.put(customers())
    dataset = clicks(place)
    other_postgres.run("ALTER TABLE customers RENAME TO elsewhere")
    run = refresh_now(Source.objects.get(dataset=dataset), None)
    Run.objects.filter(id=run.id).update(state="dispatched")
    perform(workspace.id, run.id)
    run.refresh_from_db()
    other_postgres.run("DROP TABLE elsewhere")
    assert run.state == "failed"
    assert "There is no table public.customers" in run.error
    assert newest_snapshot(dataset).rows == 120
    retry = Run.objects.get(kind="refresh", state="queued")
    assert 4 < (retry.due_at - run.ended_at).total_seconds() / 60 < 6
    assert Source.objects.get().failures == 1
    shown = client.get(f"/w/{workspace.slug}/datasets/{dataset.id}/source/").content.decode()
    assert "There is no table public.customers" in shown
    assert "Comes again" in shown


def test_a_source_is_read_by_plan_once_a_slot(other_postgres, clicks, inside, workspace, perform_runs):
    from django.utils import timezone

    place = PostgresPlace(other_postgres)
    place.put(customers())
    dataset = clicks(place)
    source = Source.objects.get(dataset=dataset)
    plan_due_refresh(workspace.id, source.id)
    source.refresh_from_db()
    assert source.next_run_at > timezone.now()
    assert not Run.objects.filter(kind="refresh", state="queued").exists(), "a first time is planned, not run"
    Source.objects.update(next_run_at=timezone.now())
    for _ in range(3):
        plan_due_refresh(workspace.id, source.id)
    assert Run.objects.filter(kind="refresh", state="queued").count() == 1


def test_secrets_are_sealed_and_never_shown_again(other_postgres, clicks, inside, client, workspace):
    place = PostgresPlace(other_postgres)
    place.put(customers())
    dataset = clicks(place)
    source = Source.objects.get(dataset=dataset)
    assert PASSWORD not in str(source.settings) + source.sealed
    for path in ("", "source/", "source/connection/", "source/pick/", "source/plan/"):
        assert PASSWORD not in client.get(f"/w/{workspace.slug}/datasets/{dataset.id}/{path}").content.decode()
    answers = {**place.settings} | {"password": "", "action": "save"}
    assert client.post(f"/w/{workspace.slug}/datasets/{dataset.id}/source/connection/", answers).status_code == 302
    assert (
        client.post(
            f"/w/{workspace.slug}/datasets/{dataset.id}/source/connection/", answers | {"password": "wrong"}
        ).status_code
        == 200
    )


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"password": "wrong"}, "refuses the password of reader"),
        ({"database": "nothing"}, "There is no database nothing"),
        ({"port": 1}, "Nothing answers at 127.0.0.1, port 1"),
        ({"host": "no-such-host.invalid"}, "There is no host named no-such-host.invalid"),
        ({"host": "10.0.0.7"}, "inside a private network"),
        ({"port": 70000}, "less than or equal to 65535"),
        ({"host": ""}, "This field is required"),
    ],
)
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_the_test_button_says_the_real_reason_in_plain_words(
    request, client, owner, workspace, kind, changed, sentence
):
    server = request.getfixturevalue("other_postgres" if kind == "postgresql" else "mariadb")
    client.force_login(owner)
    answers = {**server.settings, "password": PASSWORD, "action": "test"} | changed
    shown = client.post(f"/w/{workspace.slug}/sources/new/{kind}/", answers, headers={"HX-Request": "true"})
    assert shown.status_code == 200
    assert sentence in shown.content.decode().replace("&#x27;", "'")
    with workspace_scope(workspace.id):
        assert not Source.objects.exists()


def test_every_kind_of_source_has_its_card_and_its_form(client, owner, workspace):
    client.force_login(owner)
    base = f"/w/{workspace.slug}"
    shown = client.get(f"{base}/sources/new/").content.decode()
    for kind in registry().values():
        assert kind.title in shown
        form = client.get(f"{base}/sources/new/{kind.kind}/").content.decode()
        assert all(setting.label in form for setting in kind.settings_asked)
    assert client.get(f"{base}/sources/new/nothing/").status_code == 404
    assert "Connect a source" in client.get(f"{base}/datasets/").content.decode()


def test_another_key_chosen_later_leaves_earlier_snapshots_as_they_were(clicks, inside, again, client, workspace):
    place = WebPlace()
    place.put(customers())
    dataset = clicks(place)
    place.put(customers(monthly={3: "99.50"}))
    again(dataset)
    before = load(newest_snapshot(dataset)).sort_values("customer_id").values.tolist()
    client.post(f"/w/{workspace.slug}/datasets/{dataset.id}/key/", {"key_field": "monthly", "duplicates": "last"})
    dataset.refresh_from_db()
    assert load(newest_snapshot(dataset)).sort_values("customer_id").values.tolist() == before
    assert record_of(dataset, newest_snapshot(dataset), "99.50")["customer_id"] == "C0003"


def test_an_empty_table_is_no_snapshot(other_postgres, clicks, inside, workspace):
    from apps.datasets.sources import refresh_now

    place = PostgresPlace(other_postgres)
    place.put(customers())
    dataset = clicks(place)
    other_postgres.run("DELETE FROM customers")
    run = refresh_now(Source.objects.get(dataset=dataset), None)
    Run.objects.filter(id=run.id).update(state="dispatched")
    perform(workspace.id, run.id)
    run.refresh_from_db()
    assert "holds no records" in run.error
    assert newest_snapshot(dataset).rows == 120
