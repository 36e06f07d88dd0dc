"""At a limit every door says which, how much is used and what to do, and nothing is half done."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from apps.datasets import room
from apps.datasets.models import Dataset, PushedBatch, Snapshot, Upload
from apps.datasets.records import newest_snapshot
from apps.datasets.upload import receive_path
from apps.pipeline.tasks import perform
from apps.predictions.models import ModelVersion, Prediction
from apps.predictions.train import start_training
from apps.runs.models import Run
from apps.workspaces import quotas
from apps.workspaces.api_keys import create_key
from apps.workspaces.models import AuditEntry, Invitation, QuotaOverride
from apps.workspaces.quota_kinds.base import in_bytes
from apps.workspaces.quotas import NotAQuota, QuotaReached, default_of, limit_of, registry, require, set_quota
from apps.workspaces.scope import workspace_scope
from einstein import storage
from einstein.postgres import moment
from tests.conftest import TELCO

HELP = "or ask your operator for more."


def upload(client, workspace, name="leads.csv", dataset=None):
    file = TemporaryUploadedFile(name, "text/csv", 0, "utf-8")
    file.write(TELCO.read_bytes())
    file.seek(0)
    address = (
        reverse("upload_newer", args=[workspace.slug, dataset.id])
        if dataset
        else reverse("upload", args=[workspace.slug])
    )
    return client.post(address, {"file": file})


def fill(workspace, kind: str, limit: int) -> None:
    set_quota(workspace.id, kind, limit, None)


def failed(run: Run) -> str:
    """Do a Run as a worker does; why it failed."""
    Run.objects.filter(id=run.id).update(state="dispatched")
    perform(run.workspace_id, run.id)
    run.refresh_from_db()
    return run.error


@pytest.fixture(autouse=True)
def _heartbeats_see_no_open_transaction(settings):
    settings.LEASE_SECONDS = 36_000


@pytest.fixture
def as_owner(client, owner, inside):
    client.force_login(owner)
    return client


@pytest.mark.parametrize("kind", list(registry()))
def test_every_quota_begins_generous_and_says_what_to_do(kind, inside):
    quota = registry()[kind]
    assert limit_of(kind) == default_of(kind) >= 50
    set_quota(inside.id, kind, 0, None)
    with pytest.raises(QuotaReached) as refused:
        require(kind)
    assert quota.advice in str(refused.value)
    assert HELP in str(refused.value)
    assert (refused.value.wait is not None) == quota.monthly


def test_the_installation_may_have_other_defaults(inside, settings):
    settings.QUOTAS = {"predictions": 3}
    assert limit_of("predictions") == 3


def test_a_quota_of_one_workspace_is_not_anothers(inside, elsewhere):
    fill(inside, "predictions", 1)
    with workspace_scope(elsewhere.id):
        assert limit_of("predictions") == default_of("predictions")


def test_an_upload_that_does_not_fit_is_refused_before_anything_is_kept(as_owner, inside):
    fill(inside, "stored_bytes", 1000)
    answer = upload(as_owner, inside)
    assert answer.status_code == 429
    assert answer.json()["error"].startswith(
        "This workspace may store 1,000 bytes: 0 bytes are used, and this would add "
    )
    assert HELP in answer.json()["error"]
    assert not Dataset.objects.exists() and not Upload.objects.exists() and not Run.objects.exists()
    assert storage.keys_below(storage.key_for(inside.id)) == []


def test_a_new_dataset_is_refused_when_no_record_fits(as_owner, inside, dataset):
    fill(inside, "records", dataset.snapshots.get().rows)
    assert "records: " in upload(as_owner, inside).json()["error"]
    assert Dataset.objects.count() == 1


def test_a_file_for_a_dataset_that_brings_as_many_records_as_before_is_taken(as_owner, inside, dataset, perform_runs):
    fill(inside, "records", dataset.snapshots.get().rows)
    assert upload(as_owner, inside, dataset=dataset).status_code == 200
    perform_runs()
    assert Snapshot.objects.count() == 2


def test_what_was_read_and_does_not_fit_leaves_the_records_of_before(inside, dataset, owner, tmp_path):
    before = newest_snapshot(dataset)
    fill(inside, "records", before.rows + 1)
    longer = tmp_path / "more.csv"
    lines = TELCO.read_text().splitlines()
    longer.write_text("\n".join([*lines, *("new-" + str(n) + lines[1][lines[1].index(",") :] for n in range(3))]))
    _, run = receive_path(longer, "more.csv", owner, dataset)
    error = failed(run)
    assert (
        f"may hold {before.rows + 1:,} records: {before.rows:,} records are used, and this would add 3 records."
        in error
    )
    assert error.endswith("The records read before stay in use.")
    assert newest_snapshot(dataset) == before
    assert len([key for key in storage.keys_below(storage.key_for(inside.id)) if "/snapshots/" in key]) == 1


def test_too_many_files_at_once_wait_for_those_before(as_owner, inside, settings):
    settings.UPLOADS_AT_ONCE = 2
    answers = [upload(as_owner, inside, f"leads{n}.csv") for n in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["error"] == "2 files wait to be read already. Upload this one when they are."


@pytest.fixture
def push(client, inside, owner):
    customers = Dataset.objects.create(name="CRM customers", key_field="id", owner=owner)
    _, plain = create_key(owner, "CRM", "send")
    return lambda *ids: client.post(
        f"/api/v1/datasets/{customers.id}/records", {"records": [{"id": name} for name in ids]}, content_type="application/json",
        headers={"Authorization": f"Bearer {plain}"},
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["records", "stored_bytes"])
def test_records_that_are_sent_are_refused_when_nothing_more_fits(push, inside, kind):
    fill(inside, kind, 0)
    answer = push("a")
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_reached")
    assert HELP in answer.json()["detail"]
    assert "Retry-After" not in answer
    assert not PushedBatch.objects.exists()


def test_sent_records_that_turn_out_too_many_are_refused_as_a_whole(push, inside):
    fill(inside, "records", 2)
    batch = PushedBatch.objects.get(id=push("a", "b", "c").json()["batch"])
    error = failed(Run.objects.create(kind="push", subject_id=batch.dataset_id))
    batch.refresh_from_db()
    assert (batch.state, batch.words) == ("refused", error)
    assert "may hold 2 records: 0 records are used, and this would add 3 records." in error


def test_batches_that_nobody_takes_in_are_not_piled_up(push, inside, monkeypatch):
    monkeypatch.setattr(room, "MOST_WAITING", 1)
    push("a")
    answer = push("b")
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")


def test_a_source_is_not_read_while_nothing_more_fits(inside, dataset):
    from apps.datasets.models import Source

    Source.objects.create(dataset=dataset, kind="url", settings={"url": "https://x.example/a.csv"}, state="active")
    before = newest_snapshot(dataset)
    fill(inside, "stored_bytes", 10)
    error = failed(Run.objects.create(kind="refresh", subject_id=dataset.id))
    assert error.startswith("This workspace may store 10 bytes: ")
    assert error.endswith("The records read before stay in use.")
    assert newest_snapshot(dataset) == before
    assert Run.objects.filter(kind="refresh", state="queued").count() == 1, "it comes again"


def test_a_training_is_refused_when_the_months_minutes_are_used(as_owner, inside, draft):
    ended = moment.now()
    Run.objects.create(
        kind="train", subject_id=1, state="failed", started_at=ended - moment.timedelta(minutes=3), ended_at=ended
    )
    fill(inside, "training_minutes", 2)
    page = as_owner.post(reverse("train_again", args=[inside.slug, draft.id]), follow=True).content.decode()
    assert "may train for 2 minutes a month: " in page
    assert "It begins anew on 1 " in page
    assert not ModelVersion.objects.exists()


def test_the_wizards_last_step_says_so_too_and_keeps_the_draft(as_owner, inside, draft):
    fill(inside, "training_minutes", 0)
    page = as_owner.post(reverse("wizard", args=[inside.slug, draft.id, "review"])).content.decode()
    assert "may train for 0 minutes a month" in page
    assert Prediction.objects.filter(id=draft.id).exists()


def test_a_training_under_way_is_shown_at_the_limit(inside, draft):
    version, _ = start_training(draft, None)
    fill(inside, "training_minutes", 0)
    assert start_training(draft, None)[0] == version


def test_a_prediction_more_than_may_be_is_not_begun(as_owner, inside, draft):
    fill(inside, "predictions", 1)
    page = as_owner.post(reverse("new_prediction", args=[inside.slug]), {}, follow=True).content.decode()
    assert "may have 1 prediction: 1 prediction is used." in page
    assert Prediction.objects.count() == 1


def test_a_deleted_prediction_makes_room_and_comes_back_only_where_there_is_some(as_owner, inside, draft):
    change = reverse("change_prediction", args=[inside.slug, draft.id])
    as_owner.post(change, {"action": "delete"})
    fill(inside, "predictions", 0)
    answer = as_owner.post(change, {"action": "undo"})
    assert answer.status_code == 429
    assert "may have 0 predictions" in answer.content.decode()
    draft.refresh_from_db()
    assert draft.state == "deleted"


def test_an_invitation_beyond_the_limit_is_not_sent(as_owner, inside):
    fill(inside, "members", 2)
    invite = lambda name: as_owner.post(  # noqa: E731
        reverse("invite", args=[inside.slug]), {"email": f"{name}@brightline.example", "role": "viewer"}, follow=True
    ).content.decode()
    assert "Invitation sent" in invite("one")
    assert "may have 2 people: 2 people are used." in invite("two")
    assert "Invitation sent" in invite("one"), "the same again takes no more room"
    assert Invitation.objects.count() == 1


def test_live_scoring_is_refused_when_the_months_calls_are_made(client, inside, scored, owner):
    _, plain = create_key(owner, "CRM", "score")
    fill(inside, "api_calls", 0)
    answer = client.post(
        f"/api/v1/predictions/{scored.id}/score", {"records": [{"tenure": 3}]}, content_type="application/json",
        headers={"Authorization": f"Bearer {plain}"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["title"]) == (429, "Too many calls")
    assert "may make 0 API calls a month" in answer.json()["detail"]


def test_a_change_of_a_quota_is_in_the_audit_trail(inside, owner):
    set_quota(inside.id, "predictions", 70, owner)
    set_quota(inside.id, "predictions", None, owner)
    details = list(AuditEntry.objects.filter(action="quota changed").order_by("id").values_list("detail", flat=True))
    assert [(one["before"], one["after"]) for one in details] == [(None, 70), (70, None)]
    assert not QuotaOverride.objects.exists()
    assert limit_of("predictions") == default_of("predictions")


@pytest.mark.parametrize(("kind", "value"), [("nothing", 1), ("records", -1), ("records", 2**63)])
def test_a_quota_that_cannot_be_is_refused(inside, kind, value):
    with pytest.raises(NotAQuota):
        set_quota(inside.id, kind, value, None)


def test_the_command_sets_a_quota_and_gives_the_default_back(inside, capsys):
    call_command("set_quota", str(inside.id), "records", "1000")
    assert limit_of("records") == 1000
    call_command("set_quota", str(inside.id), "records", "default")
    assert limit_of("records") == default_of("records")


@pytest.mark.parametrize("arguments", [("1", "records", "many"), ("999999999", "records", "5")])
def test_the_command_says_what_is_wrong(inside, arguments):
    with pytest.raises(CommandError):
        call_command("set_quota", *arguments)


def test_a_new_kind_is_a_file_and_nothing_else(inside, tmp_path, monkeypatch):
    import apps.workspaces.quota_kinds as folder

    (tmp_path / "jokes.py").write_text(
        "from apps.workspaces.quota_kinds.base import Quota, counted\n"
        "QUOTA = Quota('jokes', 'Jokes', 'tell', counted('joke', 'jokes'), 3, lambda: 3, 'Laugh less', order=99)\n"
    )
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    quotas.registry.cache_clear()
    with pytest.raises(QuotaReached, match="may tell 3 jokes: 3 jokes are used. Laugh less, or ask your operator"):
        require("jokes")
    quotas.registry.cache_clear()


@pytest.mark.parametrize(("size", "words"), [(0, "0 bytes"), (1023, "1,023 bytes"), (1024, "1 KB"), (1536, "1.5 KB"), (50 * 1024**3, "50 GB"), (3 * 1024**5, "3,072 TB")])  # fmt: skip
def test_bytes_are_told_in_units_that_people_use(size, words):
    assert in_bytes(size) == words


@pytest.mark.parametrize("quotas", [{"jokes": 3}, {"records": -1}])
def test_a_default_that_cannot_be_stops_the_start(db, settings, quotas):
    settings.QUOTAS = quotas
    assert "einstein.E014" in {found.id for found in run_checks()}
    settings.QUOTAS = {"records": 3}
    assert "einstein.E014" not in {found.id for found in run_checks()}
