"""What a workspace uses: measured honestly, shown on one calm page, told to admins once a month and to operators as numbers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.datasets.models import Dataset
from apps.outbox.models import Message
from apps.pipeline.usage import measure_usage, tell_admins
from apps.predictions.models import ModelVersion
from apps.runs.models import Run
from apps.workspaces.api_keys import create_key
from apps.workspaces.calls import take
from apps.workspaces.models import Membership, Usage, Workspace
from apps.workspaces.months import begin_of
from apps.workspaces.quotas import Figure, figures, registry, set_quota
from apps.workspaces.scope import workspace_scope
from apps.workspaces.standing import standing
from apps.workspaces.usage import measure, to_measure, usage_of
from einstein import storage
from einstein.postgres import moment


def used(kind: str) -> int:
    return registry()[kind].used()


def trained(subject_id: int, begin, minutes: float, state: str = "succeeded") -> Run:
    ended = begin + timedelta(minutes=minutes)
    return Run.objects.create(kind="train", subject_id=subject_id, state=state, started_at=begin, ended_at=ended)


@pytest.fixture
def page(client, owner, inside):
    client.force_login(owner)
    return lambda: client.get(reverse("usage", args=[inside.slug])).content.decode()


def test_stored_bytes_are_what_lies_in_the_file_store_once_measured(inside, dataset):
    measure(inside.id)
    assert used("stored_bytes") == storage.size_below(storage.key_for(inside.id)) > 10_000


def test_what_came_since_the_last_measuring_counts_at_once_and_not_twice(inside, dataset, owner, perform_runs):
    from apps.datasets.upload import receive_path
    from tests.conftest import TELCO

    measure(inside.id)
    before = used("stored_bytes")
    receive_path(TELCO, "again.csv", owner)
    assert used("stored_bytes") == before + TELCO.stat().st_size
    perform_runs()
    measure(inside.id)
    assert used("stored_bytes") == storage.size_below(storage.key_for(inside.id)) > before


def test_records_are_those_of_the_newest_snapshots_of_datasets_that_are_not_deleted(inside, dataset):
    rows = dataset.snapshots.get().rows
    dataset.snapshots.create(number=2, storage_key="x", sha256="x", rows=rows + 5, field_names=[])
    Dataset.objects.create(name="Empty")
    assert used("records") == rows + 5
    Dataset.objects.filter(id=dataset.id).update(state="deleted")
    assert used("records") == 0


def test_of_a_training_over_the_turn_of_the_month_this_months_part_counts(inside):
    trained(1, standing().begin - timedelta(minutes=30), 45)
    trained(1, standing().begin - timedelta(days=3), 600)
    assert used("training_minutes") == 15


def test_a_training_under_way_counts_until_now_and_a_failed_one_counts_too(inside):
    now = moment.now()
    Run.objects.create(kind="train", subject_id=1, state="running", started_at=now - timedelta(seconds=150))
    trained(1, now - timedelta(minutes=4), 3, "failed")
    Run.objects.create(kind="train", subject_id=1, state="queued")
    assert used("training_minutes") == 5


def test_the_month_is_that_of_the_workspaces_time_zone(inside):
    assert standing().begin == begin_of(standing().month, inside.zone)
    assert standing().begin.astimezone(inside.zone).day == 1


def test_calls_are_counted_for_the_month_with_keys_only(inside):
    take("key:1", 10)
    take("key:2", 10)
    take("widget:1", 10)
    assert used("api_calls") == 2


def test_measuring_takes_turns_and_goes_on_when_one_cannot_be_measured(inside, elsewhere, monkeypatch):
    Workspace.objects.filter(id=inside.id).update(measured_at=moment.now() - timedelta(days=1))
    assert to_measure()[0] == elsewhere.id, "it was never measured"
    real = storage.size_below
    monkeypatch.setattr(storage, "size_below", lambda key: 1 / 0 if key == storage.key_for(elsewhere.id) else real(key))
    assert measure_usage() == 2
    assert to_measure() == []
    assert Usage.objects.count() == len(registry())
    with workspace_scope(elsewhere.id):
        assert not Usage.objects.exists()


def test_measuring_twice_keeps_one_figure_a_kind(inside, dataset):
    measure(inside.id)
    measure(inside.id)
    assert Usage.objects.count() == len(registry())


def test_operators_hear_numbers_of_every_workspace(inside, elsewhere, dataset):
    set_quota(elsewhere.id, "records", 7, None)
    measure(inside.id)
    found = {(one.workspace_id, one.kind): (one.used, one.limit) for one in usage_of()}
    assert found[inside.id, "records"] == (dataset.snapshots.get().rows, registry()["records"].default)
    assert found[elsewhere.id, "records"] == (0, 7)
    assert {one.workspace_id for one in usage_of([elsewhere.id])} == {elsewhere.id}


def tell(inside, used: int, limit: int = 100, kind: str = "predictions") -> list[str]:
    tell_admins(inside, [Figure(registry()[kind], used, limit)])
    return list(Message.objects.order_by("id").values_list("subject", flat=True))


def test_admins_are_told_once_at_eighty_percent_and_once_when_it_is_full(inside):
    assert tell(inside, 79) == []
    assert tell(inside, 80) == tell(inside, 99) == ["Brightline: Predictions 80% used"]
    assert tell(inside, 100)[1:] == tell(inside, 140)[1:] == ["Brightline: Predictions at its limit"]


def test_the_mail_says_how_much_is_used_and_what_to_do(inside, settings):
    settings.OPERATOR_CONTACT = "ops@einstein.example"
    tell(inside, 2_000_000, 2_000_000, "api_calls")
    message = Message.objects.get()
    for text in (message.text, message.html):
        assert "2,000,000 of 2,000,000 API calls used this month" in text
        assert "ops@einstein.example" in text
        assert "It begins anew on 1 " in text
        assert f"/w/{inside.slug}/settings/usage/" in text


def test_admins_only_are_told_and_each_of_them(inside, owner, join):
    join(inside, "builder")
    admin = join(inside, "admin")
    tell(inside, 100)
    assert set(Message.objects.values_list("to", flat=True)) == {owner.email, admin.email}


def test_a_limit_of_nothing_is_told_to_nobody(inside):
    assert tell(inside, 0, 0) == []


def test_the_clock_measures_and_tells(inside, draft):
    set_quota(inside.id, "predictions", 1, None)
    measure_usage()
    assert [one.subject for one in Message.objects.all()] == ["Brightline: Predictions at its limit"]


def test_the_page_shows_every_quota_with_words_and_a_bar(page, inside, dataset):
    set_quota(inside.id, "records", dataset.snapshots.get().rows, None)
    shown = page()
    for figure in figures():
        assert figure.quota.title in shown
        assert figure.sentence in shown
    assert shown.count('class="bar"') == len(registry())
    assert "Full" in shown
    assert registry()["records"].advice in shown


def test_the_page_shows_what_uses_most(page, inside, scored, owner):
    key, _ = create_key(owner, "Night job", "read")
    take(f"key:{key.id}", 10)
    version = ModelVersion.objects.create(prediction=scored, number=2, state="failed")
    trained(version.id, moment.now() - timedelta(minutes=2), 1.5)
    shown = page()
    for words in (scored.dataset.name, "Night job", scored.name, "1 min 30 s"):
        assert words in shown


def test_the_page_costs_the_same_however_much_there_is(page, inside, scored, owner):
    def queries() -> int:
        page()
        with CaptureQueriesContext(connection) as seen:
            page()
        return len(seen)

    few = queries()
    for number in range(4):
        Dataset.objects.create(name=f"Set {number}")
        version = ModelVersion.objects.create(prediction=scored, number=number + 2, state="failed")
        trained(version.id, moment.now() - timedelta(minutes=5), 1)
        take(f"key:{create_key(owner, 'Key', 'read')[0].id}", 10)
    assert queries() <= few + 2  # whose trainings and whose keys: asked only where there are any


def test_an_empty_workspace_says_what_would_stand_there(page):
    shown = page()
    for words in ("There are none yet.", "Nothing was trained this month.", "No program called this month."):
        assert words in shown


def test_after_deleting_the_files_are_counted_again_on_request(client, page, inside, dataset, owner):
    measure(inside.id)
    storage.delete(storage.key_for(inside.id, "datasets"))
    assert used("stored_bytes") > 0
    client.post(reverse("measure_again", args=[inside.slug]))
    assert used("stored_bytes") == 0


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("builder", 200)])
def test_builders_see_the_page_and_viewers_do_not(client, inside, join, role, status):
    client.force_login(join(inside, role))
    assert client.get(reverse("usage", args=[inside.slug])).status_code == status
    assert Membership.objects.count() == 2
