"""A record that is erased is in no copy any more, stays out when it comes again, and takes no other with it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from apps.datasets.chain import frame_of
from apps.datasets.models import Dataset, ErasedRecord, Field, Snapshot, Upload
from apps.datasets.records import newest_snapshot
from apps.datasets.upload import receive_path
from apps.deliveries.models import Delivery
from apps.outbox.models import Message, Payload, Sending
from apps.pipeline.tasks import perform
from apps.runs.models import Run
from apps.scoring.models import Score, ScoringRun
from apps.workspaces.models import AuditEntry
from apps.workspaces.tenancy import key_columns, tenant_models
from einstein import storage
from tests.conftest import TELCO


@pytest.fixture
def telco() -> pd.DataFrame:
    return pd.read_csv(TELCO, dtype=str, keep_default_na=False)


@pytest.fixture
def key(scored) -> str:
    """A record that was scored."""
    return Score.objects.filter(prediction=scored).order_by("-value").first().key


def ask(client, workspace, dataset, key, again=None):
    body = {"key": key, "again": key if again is None else again}
    return client.post(reverse("erase_record", args=[workspace.slug, dataset.id]), body, follow=True)


def upload(table: pd.DataFrame, dataset: Dataset, owner, tmp_path, perform_runs) -> None:
    path = tmp_path / "newer.csv"
    table.to_csv(path, index=False)
    receive_path(path, "newer.csv", owner, dataset)
    perform_runs()


def places_that_name(text: str, workspace_id: int) -> list[str]:
    """Every table and file of the workspace that holds the text anywhere."""
    found = []
    with connection.cursor() as cursor:
        for model in tenant_models():
            table = model._meta.db_table
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', [f"%{text}%"])
            found += [table] if cursor.fetchone()[0] else []
    for name in storage.all_keys():
        if name.startswith(f"w/{workspace_id}/"):
            with storage.local_copy(name) as path:
                held = (
                    pd.read_parquet(path).astype(str).to_csv()
                    if name.endswith(".parquet")
                    else path.read_bytes().decode("latin-1")
                )
            found += [name] if text in held else []
    return found


def test_an_erased_record_is_in_no_table_and_no_file_and_the_others_stay(
    client, inside, scored, owner, key, telco, tmp_path, perform_runs
):
    dataset = scored.dataset
    changed = telco.copy()
    changed.loc[changed["customerID"] == key, "tenure"] = "71"
    changed.loc[changed.index[:5], "tenure"] = "3"
    upload(changed, dataset, owner, tmp_path, perform_runs)  # kept as a difference that holds the record too
    assert Snapshot.objects.filter(dataset=dataset, base__isnull=False).exists()
    scores, before = Score.objects.filter(prediction=scored).count(), frame_of(newest_snapshot(dataset))
    assert len(places_that_name(key, inside.id)) >= 5
    client.force_login(owner)
    ask(client, inside, dataset, key)
    perform_runs()
    assert places_that_name(key, inside.id) == []
    assert Score.objects.filter(prediction=scored).count() == scores - 1
    for snapshot in Snapshot.objects.filter(dataset=dataset):
        table = frame_of(snapshot)
        assert len(table) == snapshot.rows == len(before) - 1
    now = frame_of(newest_snapshot(dataset)).set_index("customerID").sort_index()
    assert now.equals(before[before["customerID"] != key].set_index("customerID").sort_index())
    for run in ScoringRun.objects.filter(prediction=scored):
        with storage.local_copy(run.history_key) as path:
            assert len(pd.read_parquet(path)) == run.scored - 1
    assert AuditEntry.objects.filter(action="record erased").exists()
    page = client.get(reverse("erase_record", args=[inside.slug, dataset.id])).content.decode()
    assert "The last one was erased" in page and "1 record erased so far" in page and key not in page


def test_snapshots_keep_true_hashes_so_that_the_same_file_is_known_to_change_nothing(
    client, inside, scored, owner, key, telco, tmp_path, perform_runs
):
    client.force_login(owner)
    ask(client, inside, scored.dataset, key)
    perform_runs()
    whole = Snapshot.objects.get(dataset=scored.dataset)
    with storage.local_copy(whole.storage_key) as path:
        assert storage.sha256_of(path) == whole.sha256
    upload(telco, scored.dataset, owner, tmp_path, perform_runs)
    newest = newest_snapshot(scored.dataset)
    assert (newest.added, newest.changed, newest.gone) == (0, 0, 0)


def test_an_erased_record_stays_out_when_its_source_sends_it_again(
    client, inside, dataset, owner, telco, tmp_path, perform_runs
):
    key = telco["customerID"][0]
    client.force_login(owner)
    ask(client, inside, dataset, f" {key} ")
    perform_runs()
    upload(telco.assign(tenure="9"), dataset, owner, tmp_path, perform_runs)
    assert newest_snapshot(dataset).rows == len(telco) - 1
    assert places_that_name(key, inside.id) == []
    assert Upload.objects.count() == 2
    speaks_of = {
        key
        for model, column in key_columns()
        for key in model.objects.exclude(**{column: ""}).values_list(column, flat=True)
    }
    assert speaks_of <= set(storage.all_keys())  # or no backup could be made any more


def test_while_a_file_is_being_read_it_says_so_erases_nothing_and_keeps_the_key_nowhere(client, inside, dataset, owner):
    client.force_login(owner)
    receive_path(TELCO, "again.csv", owner, dataset)
    ask(client, inside, dataset, "7590-VHVEG")
    run = Run.objects.get(kind="forget")
    Run.objects.filter(id=run.id).update(state="dispatched")
    perform(inside.id, run.id)
    run.refresh_from_db()
    assert (run.state, run.params) == ("failed", {})
    page = client.get(reverse("erase_record", args=[inside.slug, dataset.id])).content.decode()
    assert "not gone everywhere yet" in page and "are being read" in page


def test_a_worker_that_died_half_way_is_followed_by_one_that_finishes(
    client, inside, scored, owner, key, perform_runs, monkeypatch
):
    from apps.datasets import forget

    def die(*args):
        raise KeyboardInterrupt

    client.force_login(owner)
    ask(client, inside, scored.dataset, key)
    run = Run.objects.get(kind="forget")
    Run.objects.filter(id=run.id).update(state="dispatched")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(forget, "_set_right", die)  # the file is rewritten, its row is not
        perform(inside.id, run.id)
    Run.objects.filter(id=run.id).update(state="queued")
    perform_runs()
    whole = Snapshot.objects.get(dataset=scored.dataset)
    with storage.local_copy(whole.storage_key) as path:
        assert storage.sha256_of(path) == whole.sha256
    assert places_that_name(key, inside.id) == []


def test_a_key_that_was_typed_in_two_ways_erases_nothing(client, inside, dataset, owner):
    client.force_login(owner)
    assert "twice, the same each time" in ask(client, inside, dataset, "A", "B").content.decode()
    assert not ErasedRecord.objects.exists() and not Run.objects.filter(kind="forget").exists()


def test_only_an_admin_may_erase(client, inside, dataset, join):
    client.force_login(join(inside, "builder"))
    assert ask(client, inside, dataset, "A").status_code == 403


def test_fields_no_longer_show_an_erased_value_as_an_example(client, inside, dataset, owner, perform_runs):
    field = Field.objects.get(dataset=dataset, name="customerID")
    key = field.profile["examples"][0]
    client.force_login(owner)
    ask(client, inside, dataset, key)
    perform_runs()
    field.refresh_from_db()
    assert key not in json.dumps(field.profile)


def test_of_what_was_noted_only_its_own_rows_are_scrubbed():
    from apps.deliveries.forget import scrubbed

    noted = {
        "shown": [{"key": "1", "band": "high"}, {"key": "2", "predicted": "1"}],
        "missing_keys": ["1", "3"],
        "part": "1",
    }
    assert scrubbed(noted, "1") == {"shown": [{"key": "2", "predicted": "1"}], "missing_keys": ["3"], "part": "1"}


@pytest.fixture
def told(client, inside, scored, key, owner):
    """A delivery that has sent the record on, with all that is kept of that, and everything written to take away."""
    delivery = Delivery.objects.create(
        prediction=scored,
        kind="webhook",
        name="Our CRM",
        state="active",
        settings={"url": "https://x.example", "events": []},
    )
    home = storage.key_for(inside.id, "deliveries", delivery.id)
    storage.put_bytes(f"binary {key}".encode(), f"{home}/7-before")
    frame = pd.DataFrame({"key": [key, "other"], "predicted": ["Yes", key]})
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        frame.to_parquet(file.name)
        storage.put(Path(file.name), f"{home}/7/ledger.parquet")
    Delivery.objects.filter(id=delivery.id).update(ledger_key=f"{home}/7/ledger.parquet")
    sending = Sending.objects.create(
        destination_id=delivery.id, subject_id=scored.id, event="scores", event_id="e", dedupe_key="d", state="arrived",
        outcome={"missing_keys": [key], "can_undo": True},
    )  # fmt: skip
    Payload.objects.create(sending=sending, number=1, body={"text": f"look at {key}"}, acknowledged_at=timezone.now())
    Message.objects.create(
        sending=sending,
        to="a@b.example",
        subject="Today",
        text=f"Call {key}",
        html=f"<b>{key}</b>",
        message_id="m",
        dedupe_key="m",
        state="sent",
    )
    run = Run.objects.create(
        kind="export", subject_id=inside.id, state="succeeded", outcome={"key": f"w/{inside.id}/exports/1.zip"}
    )
    storage.put_bytes(key.encode(), run.outcome["key"])
    client.force_login(owner)
    return sending


def test_what_was_kept_of_sending_it_goes_too_and_the_page_says_where_to_ask(
    client, inside, scored, told, key, perform_runs
):
    ask(client, inside, scored.dataset, key)
    perform_runs()
    left = [name for name in places_that_name(key, inside.id) if not name.endswith("ledger.parquet")]
    assert left == []
    ledger = Delivery.objects.get().ledger_key
    with storage.local_copy(ledger) as path:
        assert pd.read_parquet(path)["key"].tolist() == ["other"]
    told.refresh_from_db()
    assert told.outcome == {"missing_keys": [], "can_undo": False}
    page = client.get(reverse("erase_record", args=[inside.slug, scored.dataset_id])).content.decode()
    assert "went to Our CRM: ask for it to be erased there too" in page


@pytest.mark.parametrize("state", ["waiting", "held"])
def test_what_waits_to_be_sent_is_sent_or_removed_first(client, inside, scored, told, key, state):
    Sending.objects.filter(id=told.id).update(state=state)
    ask(client, inside, scored.dataset, key)
    run = Run.objects.get(kind="forget")
    Run.objects.filter(id=run.id).update(state="dispatched")
    perform(inside.id, run.id)
    run.refresh_from_db()
    assert run.state == "failed" and "waits to be sent to Our CRM" in run.error
