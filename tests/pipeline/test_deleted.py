"""What was deleted can be brought back for a month; then nothing of it is left."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.datasets.lifecycle import move
from apps.datasets.models import Dataset, Enrichment, Field, Snapshot, Source
from apps.deliveries.models import Delivery, Widget
from apps.monitoring.models import Alert, Incident
from apps.outbox.models import Message, Payload, Sending
from apps.pipeline.clean import clean_workspace
from apps.pipeline.models import Retention
from apps.predictions.models import ModelVersion, Prediction
from apps.runs.models import Run
from apps.scoring.models import Outcome, Score, ScoringRun
from apps.workspaces.models import AuditEntry
from apps.workspaces.scope import workspace_scope
from einstein import storage

KINDS = {"deleted_datasets", "deleted_predictions"}


@pytest.fixture
def delete(owner, aged):
    """Delete something so many days ago."""

    def do(thing, days: int = 31) -> None:
        move(thing, "delete", owner)
        aged(type(thing), days, "deleted_at", id=thing.id)

    return do


def gone(workspace) -> dict[str, int]:
    return {kind: rows for kind, rows in clean_workspace(workspace.id).items() if kind in KINDS}


def files(workspace) -> set[str]:
    return set(storage.keys_below(storage.key_for(workspace.id)))


def alert(prediction, incident: Incident) -> Alert:
    return Alert.objects.create(
        prediction=prediction, incident=incident, check_kind="late", severity="error", title="No scores", answers={}
    )


def test_a_deleted_prediction_goes_after_a_month_with_all_that_hangs_on_it(scored, inside, delete):
    Outcome.objects.create(
        prediction=scored, version=scored.champion, key="1", said=1, band="high", came=1, said_at=timezone.now(), known_at=timezone.now()
    )  # fmt: skip
    Widget.objects.create(prediction=scored, name="Beside the customer")
    delivery = Delivery.objects.create(prediction=scored, kind="webhook", name="CRM", sealed="a password")
    waiting = Sending.objects.create(
        destination_id=delivery.id, subject_id=1, event="scores", event_id="e", dedupe_key="d"
    )
    Payload.objects.create(sending=waiting, number=1, body={"said": "hush"})
    other = Prediction.objects.create(name="Other", dataset=scored.dataset)
    alone, shared = (
        Incident.objects.create(cause=cause, severity="error", title="No scores", state="resolved") for cause in "ab"
    )
    alert(scored, alone)
    alert(other, shared)
    Alert.objects.create(
        prediction=scored, incident=shared, check_kind="odd", severity="error", title="Odd", answers={}
    )
    kept = {upload.storage_key for upload in scored.dataset.uploads.all()} | {Snapshot.objects.get().storage_key}
    assert Score.objects.exists()

    delete(scored, days=29)
    assert gone(inside) == {}
    delete(scored)
    assert gone(inside) == {"deleted_predictions": 1}
    assert not Run.objects.filter(kind="score").exists()
    for model in (ModelVersion, Score, ScoringRun, Outcome, Widget, Delivery, Sending, Payload):
        assert not model.objects.exists(), model
    assert list(Prediction.objects.all()) == [other]
    assert list(Incident.objects.all()) == [shared]
    assert files(inside) == kept
    assert AuditEntry.objects.get(action="prediction gone for good").subject == scored.name


def test_a_deleted_dataset_goes_with_its_files_and_passwords(dataset, inside, delete):
    Source.objects.create(dataset=dataset, kind="postgresql", sealed="a password")
    delete(dataset)
    assert gone(inside) == {"deleted_datasets": 1}
    assert [model.objects.count() for model in (Dataset, Snapshot, Field, Source, Run)] == [0, 0, 0, 0, 0]
    assert files(inside) == set()
    assert AuditEntry.objects.get(action="dataset gone for good").subject == dataset.name


def test_snapshots_that_are_differences_go_with_what_they_rest_on(inside, delete, stored):
    dataset, base = Dataset.objects.create(name="Customers"), None
    for number in range(1, 4):
        base = Snapshot.objects.create(
            dataset=dataset, number=number, base=base if number == 2 else None, sha256="x", rows=1, field_names=["id"], storage_key=stored(number)
        )  # fmt: skip
    delete(dataset)
    assert gone(inside) == {"deleted_datasets": 1}
    assert not Snapshot.objects.exists()


def test_a_deleted_dataset_stays_as_long_as_anything_stands_on_it(inside, delete, owner, workspace):
    customers, orders, both = (Dataset.objects.create(name=name) for name in ("Customers", "Orders", "Both"))
    Enrichment.objects.create(dataset=both, base=customers, joins=[{"related": orders.id}])
    churn = Prediction.objects.create(name="Churn", dataset=both)
    for thing in (customers, orders, both):
        delete(thing)
    assert gone(inside) == {}
    delete(churn, days=3)
    assert gone(inside) == {}
    delete(churn)
    assert gone(inside) == {"deleted_predictions": 1}
    assert gone(inside) == {"deleted_datasets": 1}
    assert set(Dataset.objects.all()) == {customers, orders}
    assert [gone(inside), gone(inside)] == [{"deleted_datasets": 1}, {"deleted_datasets": 1}]
    assert not Dataset.objects.exists()


@pytest.mark.parametrize("kind", ["ingest", "forget"])
def test_a_dataset_that_is_worked_on_waits(dataset, inside, delete, kind):
    delete(dataset)
    run = Run.objects.create(kind=kind, subject_id=dataset.id)
    assert gone(inside) == {}
    Run.objects.filter(id=run.id).update(state="failed")
    assert gone(inside) == {"deleted_datasets": 1}


def test_a_prediction_that_is_in_training_waits(draft, inside, delete):
    delete(draft)
    version = ModelVersion.objects.create(prediction=draft, number=1)
    assert gone(inside) == {}
    ModelVersion.objects.filter(id=version.id).update(state="failed")
    assert gone(inside) == {"deleted_predictions": 1}


def test_what_was_brought_back_stays_and_its_days_begin_anew(draft, inside, delete, owner):
    delete(draft)
    move(draft, "undo", owner)
    assert gone(inside) == {}
    delete(draft, days=0)
    assert gone(inside) == {}
    draft.refresh_from_db()
    assert draft.state == "deleted"


def test_deleting_twice_does_not_begin_the_days_anew(draft, delete, owner):
    delete(draft, days=20)
    draft.refresh_from_db()
    before = draft.deleted_at
    move(draft, "delete", owner)
    draft.refresh_from_db()
    assert draft.deleted_at == before


def test_whatever_code_deletes_or_brings_back_the_database_notes_when(draft, inside, delete, owner):
    delete(draft)
    Prediction.objects.filter(id=draft.id).update(state="active")
    assert Prediction.objects.get().deleted_at is None
    Prediction.objects.filter(id=draft.id).update(state="deleted")
    assert timezone.now() - Prediction.objects.get().deleted_at < timedelta(minutes=1)
    assert gone(inside) == {}


def test_what_an_email_said_of_its_records_goes_and_that_it_was_sent_stays(draft, inside, delete):
    delivery = Delivery.objects.create(prediction=draft, kind="email_list", name="Callers")
    sending = Sending.objects.create(
        destination_id=delivery.id, subject_id=1, event="scores", event_id="e", dedupe_key="d"
    )
    for state in ("sent", "pending"):
        Message.objects.create(
            sending=sending, to=f"{state}@people.example", subject="Whom to call", text="Anna", html="Anna", message_id=state, dedupe_key=state, state=state
        )  # fmt: skip
    delete(draft)
    assert gone(inside) == {"deleted_predictions": 1}
    mail = Message.objects.get()
    assert (mail.to, mail.subject, mail.text, mail.html) == ("sent@people.example", "Whom to call", "", "")


def test_the_months_training_minutes_are_not_given_back(draft, inside, delete, aged):
    version = ModelVersion.objects.create(prediction=draft, number=1, state="candidate")
    Run.objects.create(kind="train", subject_id=version.id, state="succeeded")
    delete(draft)
    assert gone(inside) == {"deleted_predictions": 1}
    assert Run.objects.filter(kind="train").exists()
    aged(Run, 200, "created_at", "ended_at")
    assert clean_workspace(inside.id) == {"runs": 1}
    assert not Run.objects.filter(kind="train").exists()


def test_a_dataset_waits_while_a_record_is_erased_from_the_one_it_is_made_from(inside, delete):
    customers, both = (Dataset.objects.create(name=name) for name in ("Customers", "Both"))
    Enrichment.objects.create(dataset=both, base=customers)
    run = Run.objects.create(kind="forget", subject_id=customers.id)
    delete(both)
    assert gone(inside) == {}
    Run.objects.filter(id=run.id).update(state="succeeded")
    assert gone(inside) == {"deleted_datasets": 1}


def test_a_dataset_stays_that_a_model_in_use_learnt_from_though_its_prediction_moved_on(scored, inside, delete):
    before, scored.dataset = scored.dataset, Dataset.objects.create(name="Customers of today")
    scored.save(update_fields=["dataset"])
    delete(before)
    assert gone(inside) == {}
    delete(scored)
    assert gone(inside) == {"deleted_predictions": 1}
    assert gone(inside) == {"deleted_datasets": 1}


def test_a_workspace_may_have_it_gone_sooner(draft, inside, delete):
    Retention.objects.create(days={"deleted_predictions": 2})
    delete(draft, days=3)
    assert gone(inside) == {"deleted_predictions": 1}


def test_another_workspaces_deleted_prediction_is_not_touched(draft, inside, elsewhere, delete):
    with workspace_scope(elsewhere.id):
        theirs = Prediction.objects.create(name="Theirs")
        delete(theirs)
    delete(draft)
    assert gone(inside) == {"deleted_predictions": 1}
    with workspace_scope(elsewhere.id):
        assert Prediction.objects.get() == theirs


@pytest.mark.parametrize("kind", ["datasets", "predictions"])
def test_the_list_says_until_when_it_can_be_brought_back(client, owner, workspace, kind):
    client.force_login(owner)
    with workspace_scope(workspace.id):
        dataset = Dataset.objects.create(name="Customers")
        thing = dataset if kind == "datasets" else Prediction.objects.create(name="Churn", dataset=dataset)
        Retention.objects.create(days={f"deleted_{kind}": 7})
    client.post(f"/w/{workspace.slug}/{kind}/{thing.id}/change/", {"action": "delete"})
    with workspace_scope(workspace.id):
        last = type(thing).objects.get(id=thing.id).deleted_at.astimezone(workspace.zone) + timedelta(days=7)
    assert f"until {last:%-d %B %Y}" in client.get(f"/w/{workspace.slug}/{kind}/").content.decode()


def test_the_list_says_why_a_deleted_dataset_is_still_there(client, owner, workspace, aged):
    client.force_login(owner)
    with workspace_scope(workspace.id):
        dataset = Dataset.objects.create(name="Customers")
        Prediction.objects.create(name="Churn", dataset=dataset)
        move(dataset, "delete", owner)
        aged(Dataset, 31, "deleted_at")
    shown = client.get(f"/w/{workspace.slug}/datasets/").content.decode()
    assert "as long as something is made from it" in shown
