"""Datasets: a file becomes an immutable snapshot, its faults are listed, and the user decides about types and keys."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.datasets.models import Dataset, Field, Snapshot, Upload
from apps.datasets.upload import receive_path
from apps.runs.models import Run
from apps.workspaces.scope import workspace_scope
from tests.conftest import TELCO


@pytest.fixture
def send(client, owner, workspace):
    client.force_login(owner)

    def upload(name: str, content: bytes, dataset: Dataset | None = None):
        path = f"datasets/{dataset.id}/upload/" if dataset else "datasets/upload/"
        return client.post(f"/w/{workspace.slug}/{path}", {"file": SimpleUploadedFile(name, content)})

    return upload


@pytest.fixture
def show(client, owner, workspace):
    client.force_login(owner)
    return lambda dataset, path="": client.get(f"/w/{workspace.slug}/datasets/{dataset.id}/{path}").content.decode()


def read(owner, perform_runs, tmp_path, text: str, dataset: Dataset | None = None) -> Dataset:
    file = tmp_path / "table.csv"
    file.write_text(text)
    dataset, _ = receive_path(file, "table.csv", owner, dataset)
    perform_runs()
    dataset.refresh_from_db()
    return dataset


def test_a_file_becomes_a_dataset_with_fields_types_and_a_snapshot(dataset, show):
    assert Snapshot.objects.get().rows == 1600
    types = {field.name: field.type for field in Field.objects.all()}
    assert types["customerID"] == "id"
    assert types["tenure"] == "number"
    assert types["Churn"] == "yes_no"
    shown = show(dataset)
    for words in ("1,600", "customerID", "MonthlyCharges", "telco_customers.csv"):
        assert words in shown


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.csv", b"", "empty"),
        ("photo.png", b"\x89PNG", "not a table we know"),
        ("run.exe", b"MZ", "not a table we know"),
    ],
)
def test_what_is_no_table_is_refused_at_the_door_with_a_sentence(send, workspace, name, content, sentence):
    answer = send(name, content)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    with workspace_scope(workspace.id):
        assert not Dataset.objects.exists()


def test_a_file_above_the_limit_is_refused_with_both_sizes(send, settings):
    settings.UPLOAD_LIMIT_BYTES = 1024**2
    answer = send("big.csv", b"a,b\n" + b"1,2\n" * 600_000)
    assert answer.status_code == 400
    assert "1 MB is the limit" in answer.json()["error"]


def test_a_form_without_a_file_is_answered_with_a_sentence(client, owner, workspace):
    client.force_login(owner)
    assert client.post(f"/w/{workspace.slug}/datasets/upload/").json() == {"error": "Choose a file first."}


def test_the_uploaded_file_is_kept_byte_for_byte(dataset):
    from einstein import storage

    with storage.local_copy(Upload.objects.get().storage_key) as path:
        assert path.read_bytes() == TELCO.read_bytes()


def test_rows_that_cannot_be_read_are_listed_and_the_rest_is_kept(owner, inside, perform_runs, tmp_path, show):
    good = "".join(f"{number},{number * 2}\n" for number in range(50))
    dataset = read(owner, perform_runs, tmp_path, f"a,b\n{good}1,2,3,4,5\n{good}")
    snapshot = Snapshot.objects.get()
    assert (snapshot.rows, snapshot.rejected) == (100, 1)
    assert snapshot.rejects[0]["line"] == 52
    shown = show(dataset) + show(dataset, "snapshots/")
    assert "52" in shown


def test_repeated_and_blank_keys_are_counted_and_the_user_chooses(
    owner, inside, perform_runs, tmp_path, client, workspace, show
):
    from apps.datasets.records import keyed, load, newest_snapshot

    rows = "".join(f"K{number},{number}\n" for number in range(40))
    dataset = read(owner, perform_runs, tmp_path, f"id,value\n{rows}K1,first again\nK1,last\n,blank\n")
    client.force_login(owner)
    address = f"/w/{workspace.slug}/datasets/{dataset.id}/key/"
    kept = {}
    for policy in ("first", "last"):
        client.post(address, {"key_field": "id", "duplicates": policy})
        dataset.refresh_from_db()
        table = keyed(dataset, load(newest_snapshot(dataset)))
        assert len(table) == 40
        kept[policy] = table.loc["K1", "value"]
    assert kept == {"first": "1", "last": "last"}
    shown = show(dataset)
    assert "1 record without a id, and 2 that repeat another’s." in shown


def test_a_file_with_repeated_keys_is_refused_when_the_user_asked_so(owner, inside, perform_runs, tmp_path):
    from apps.pipeline.tasks import perform

    rows = "".join(f"K{number},{number}\n" for number in range(40))
    dataset = read(owner, perform_runs, tmp_path, f"id,value\n{rows}")
    dataset.key_field, dataset.duplicates = "id", "refuse"
    dataset.save()
    file = tmp_path / "again.csv"
    file.write_text(f"id,value\n{rows}K7,again\n")
    _, run = receive_path(file, "again.csv", owner, dataset)
    Run.objects.filter(id=run.id).update(state="dispatched")
    perform(dataset.workspace_id, run.id)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "1 record repeats the id of another, such as K7" in run.error
    assert Snapshot.objects.count() == 1


def test_a_newer_file_makes_a_newer_snapshot_and_keeps_what_the_user_chose(
    dataset, owner, client, workspace, perform_runs
):
    client.force_login(owner)
    field = Field.objects.get(name="SeniorCitizen")
    client.post(f"/w/{workspace.slug}/datasets/{dataset.id}/fields/{field.id}/type/", {"type": "category"})
    first = Snapshot.objects.get()
    receive_path(TELCO, "next_month.csv", owner, dataset)
    perform_runs()
    assert list(Snapshot.objects.order_by("number").values_list("number", flat=True)) == [1, 2]
    first.refresh_from_db()
    assert first.rows == 1600
    assert Field.objects.get(name="SeniorCitizen").type == "category"


def test_a_type_that_does_not_exist_changes_nothing(dataset, client, owner, workspace):
    client.force_login(owner)
    field = Field.objects.get(name="tenure")
    client.post(f"/w/{workspace.slug}/datasets/{dataset.id}/fields/{field.id}/type/", {"type": "nonsense"})
    field.refresh_from_db()
    assert field.type == "number"


def test_reading_a_file_twice_makes_one_snapshot(dataset, perform_runs):
    ingest = Run.objects.get(kind="ingest")
    Run.objects.filter(id=ingest.id).update(state="queued")
    perform_runs()
    assert Snapshot.objects.count() == 1


@pytest.mark.parametrize(("policy", "value"), [("first", "1"), ("last", "newer")])
def test_one_record_is_found_as_the_whole_table_would_give_it(owner, inside, perform_runs, tmp_path, policy, value):
    from apps.datasets.records import keyed, load, newest_snapshot, record_of

    rows = "".join(f"K{number},{number}\n" for number in range(40))
    dataset = read(owner, perform_runs, tmp_path, f"id,value\n{rows}K1,newer\n")
    dataset.key_field, dataset.duplicates = "id", policy
    snapshot = newest_snapshot(dataset)
    assert record_of(dataset, snapshot, "K1") == {"id": "K1", "value": value}
    assert record_of(dataset, snapshot, "K7") == keyed(dataset, load(snapshot)).loc["K7"].to_dict()
    assert record_of(dataset, snapshot, "nobody") == {}


def test_a_record_without_a_key_field_is_found_by_its_row(owner, inside, perform_runs, tmp_path):
    from apps.datasets.records import newest_snapshot, record_of

    dataset = read(
        owner, perform_runs, tmp_path, "a,b\n" + "".join(f"{number % 3},x{number % 9}\n" for number in range(40))
    )
    assert record_of(dataset, newest_snapshot(dataset), "Row 8") == {"a": "1", "b": "x7"}
