"""Records that other programs send: upserted by key, counted once, refused by place, and never half taken."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.datasets.models import Dataset, PushedBatch, Snapshot
from apps.datasets.records import load, newest_snapshot, record_of
from apps.pipeline.story import begin_taking
from apps.runs.models import Run
from apps.workspaces.api_keys import create_key


@pytest.fixture
def customers(inside, owner):
    return Dataset.objects.create(name="CRM customers", noun="customer", key_field="id", owner=owner)


@pytest.fixture
def send(client, owner, customers):
    _, plain = create_key(owner, "CRM", "send")

    def post(records, dataset=customers, key=plain, **headers):
        return client.post(
            f"/api/v1/datasets/{dataset.id}/records", {"records": records}, content_type="application/json",
            headers={"Authorization": f"Bearer {key}", **{name.replace("_", "-"): value for name, value in headers.items()}},
        )  # fmt: skip

    post.get = lambda batch, dataset=customers: client.get(
        f"/api/v1/datasets/{dataset.id}/batches/{batch}", headers={"Authorization": f"Bearer {plain}"}
    ).json()
    return post


@pytest.fixture
def take(customers, perform_runs):
    def do():
        begin_taking(customers.workspace_id, customers.id)
        perform_runs()

    return do


def rows(count: int, **changes) -> list[dict]:
    return [
        {"id": f"C{n}", "plan": ["Basic", "Pro"][n % 2], "monthly": 20 + n / 2, "active": n % 3 == 0, **changes}
        for n in range(count)
    ]


def test_records_become_a_snapshot_and_the_batch_says_so(send, take, customers):
    answer = send(rows(120))
    assert answer.status_code == 202
    assert answer.json()["state"] == "waiting"
    take()
    state = send.get(answer.json()["batch"])
    assert (state["state"], state["snapshot"], state["records"]) == ("taken", 1, 120)
    assert record_of(customers, newest_snapshot(customers), "C3") == {
        "id": "C3",
        "plan": "Pro",
        "monthly": "21.5",
        "active": "true",
    }


def test_later_batches_change_and_add_by_key_and_fields_not_named_stay(send, take, customers):
    send(rows(120))
    take()
    send([{"id": "C3", "plan": "Gold"}, {"id": "C500", "plan": "Basic", "monthly": 1, "active": True}])
    send([{"id": "C3", "monthly": None}])
    take()
    snapshot = newest_snapshot(customers)
    assert (snapshot.number, snapshot.rows, snapshot.added, snapshot.changed) == (2, 121, 1, 1)
    assert record_of(customers, snapshot, "C3") == {"id": "C3", "plan": "Gold", "monthly": None, "active": "true"}


def test_many_batches_become_one_snapshot(send, take, customers):
    for start in range(5):
        send([{"id": f"C{start}-{n}", "plan": "Basic"} for n in range(30)])
    take()
    assert Snapshot.objects.filter(dataset=customers).count() == 1
    assert len(load(newest_snapshot(customers))) == 150


def test_the_same_idempotency_key_counts_once_and_never_for_other_records(send, take, customers):
    first = send(rows(5), Idempotency_Key="order-1")
    again = send(rows(5), Idempotency_Key="order-1")
    assert first.json()["batch"] == again.json()["batch"]
    assert PushedBatch.objects.count() == 1
    other = send(rows(6), Idempotency_Key="order-1")
    assert other.status_code == 409
    assert "Use a new one" in other.json()["detail"]


def test_a_batch_with_a_fault_is_refused_whole_and_by_place(send):
    answer = send([{"id": "C1"}, {"plan": "Basic"}, {"id": "", "plan": "x"}, {"id": "C4", "a\0b": 1}])
    assert answer.status_code == 400
    assert sorted(answer.json()["errors"]) == ["records[1].id", "records[2].id", "records[3].a\0b"]
    assert not PushedBatch.objects.exists()


@pytest.mark.parametrize(
    "body",
    ["[]", "{}", '{"records": []}', '{"records": [1]}', '{"records": "x"}', "{", '{"records": [{"id": {"deep": 1}}]}'],
)
def test_what_is_no_batch_is_refused_with_a_sentence(client, owner, customers, body):
    _, plain = create_key(owner, "CRM", "send")
    answer = client.post(
        f"/api/v1/datasets/{customers.id}/records",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {plain}"},
    )
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_a_key_that_may_not_send_is_refused(send, owner):
    _, plain = create_key(owner, "Reader", "score")
    assert send(rows(1), key=plain).status_code == 403


def test_a_dataset_without_a_key_field_says_what_to_do(send, customers):
    customers.key_field = ""
    customers.save()
    answer = send(rows(1))
    assert answer.status_code == 409
    assert "key field" in answer.json()["detail"]


def test_a_new_field_is_taken_in_and_a_lost_key_is_not_possible(send, take, customers):
    send(rows(120))
    take()
    send([{"id": "C1", "region": "North"}])
    take()
    snapshot = newest_snapshot(customers)
    assert "region" in snapshot.field_names
    assert record_of(customers, snapshot, "C1")["region"] == "North"
    assert record_of(customers, snapshot, "C2")["region"] is None


def test_after_a_fault_of_ours_the_records_wait_and_are_tried_again(send, take, customers, monkeypatch):
    from apps.datasets import push

    send(rows(5))

    def broken(*_):
        raise RuntimeError("disk on fire")

    with monkeypatch.context() as patched:
        patched.setattr(push, "take_in", broken)
        with pytest.raises(AssertionError, match="Something went wrong on our side"):
            take()
    batch = PushedBatch.objects.get()
    assert batch.state == "waiting"
    assert batch.due_at > timezone.now() + timedelta(minutes=4)
    take()
    batch.refresh_from_db()
    assert batch.state == "taken"


def test_taking_in_twice_changes_nothing(send, take, customers):
    send(rows(120))
    take()
    PushedBatch.objects.update(state="waiting")
    take()
    assert Snapshot.objects.count() == 1
    assert PushedBatch.objects.get().state == "taken"


def test_new_records_are_scored_by_what_stands_on_the_dataset(client, owner, scored, perform_runs):
    _, plain = create_key(owner, "CRM", "send")
    client.post(f"/api/v1/datasets/{scored.dataset_id}/records", {"records": [{"customerID": "NEW-1", "tenure": 3, "Churn": None}]},
                content_type="application/json", headers={"Authorization": f"Bearer {plain}"})  # fmt: skip
    begin_taking(scored.workspace_id, scored.dataset_id)
    perform_runs()
    from apps.scoring.models import Score

    assert Score.objects.filter(prediction=scored, key="NEW-1").exists()
    assert Run.objects.filter(kind="push").get().outcome["added"] == 1


def test_by_clicks_a_dataset_gets_an_address_and_shows_what_came(client, owner, workspace, inside):
    client.force_login(owner)
    page = client.post(
        f"/w/{workspace.slug}/sources/rest/", {"name": "CRM", "noun": "Customer", "key_field": "id"}, follow=True
    ).content.decode()
    dataset = Dataset.objects.get()
    assert f"/api/v1/datasets/{dataset.id}/records" in page
    _, plain = create_key(owner, "CRM", "all")
    client.post(
        f"/api/v1/datasets/{dataset.id}/records",
        {"records": rows(3)},
        content_type="application/json",
        headers={"Authorization": f"Bearer {plain}"},
    )
    page = client.get(f"/w/{workspace.slug}/datasets/{dataset.id}/source/").content.decode()
    assert "On their way" in page


def test_records_sent_before_the_key_field_was_changed_are_refused_and_block_nobody(send, customers, perform_runs):
    send([{"id": "C1", "plan": "Basic"}])
    customers.key_field = "number"
    customers.save()
    begin_taking(customers.workspace_id, customers.id)
    with pytest.raises(AssertionError, match="Send them again"):
        perform_runs()
    assert PushedBatch.objects.get().state == "refused"


def test_names_that_differ_in_letters_only_are_one_field(send, customers, take):
    refused = send([{"id": "1", "Plan": "Basic", "plan": "Pro"}])
    assert refused.status_code == 400
    assert "small and capital letters only" in refused.content.decode()
    send([{"id": "1", "Plan": "Basic"}])
    take()
    send([{"id": "2", "PLAN": "Pro"}, {"id": "3", "plan": "Plus"}])
    take()
    table = load(newest_snapshot(customers)).set_index("id")
    assert table.columns.tolist() == ["Plan"]
    assert table["Plan"].to_dict() == {"1": "Basic", "2": "Pro", "3": "Plus"}
