"""What is old goes, what is needed stays, and no row ever speaks of a file that is gone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone
from django_q.models import Task

from apps.datasets.models import Dataset, HeldTable, PushedBatch, Snapshot, Upload
from apps.datasets.records import load
from apps.deliveries.models import Delivery
from apps.monitoring.models import Incident, IncidentEvent, Look
from apps.outbox.models import AccountMessage, Attempt, KeptMail, Message, Payload, Sending
from apps.pipeline import clean
from apps.pipeline.clean import clean_due, clean_installation, clean_workspace, remove_some
from apps.pipeline.models import Retention
from apps.pipeline.retention import Kind, registry
from apps.predictions.models import ModelVersion, Prediction
from apps.predictions.train import enable
from apps.runs.models import Run
from apps.scoring.history import history_of
from apps.scoring.models import Score, ScoringRun
from apps.workspaces.models import AuditEntry, Invitation
from apps.workspaces.scope import workspace_scope
from einstein import storage


def cleaned(name: str, workspace) -> int:
    kind = registry()[name]
    return remove_some(kind, kind.kept, workspace.id)


@pytest.fixture
def chain(inside, stored):
    """Snapshots 1 (whole), 2 and 3 (differences on it), 4, 5, 6 (whole), all a year old."""
    dataset, base = Dataset.objects.create(name="Customers"), None
    for number in range(1, 7):
        made = Snapshot.objects.create(
            dataset=dataset, number=number, base=base if number in {2, 3} else None, sha256="x", rows=1, field_names=["id"],
            storage_key=stored("datasets", dataset.id, "snapshots", f"{number}.parquet"),
        )  # fmt: skip
        base = made if number == 1 else base
    Snapshot.objects.update(created_at=timezone.now() - timedelta(days=365))
    return dataset


def numbers(dataset: Dataset) -> list[int]:
    return sorted(Snapshot.objects.filter(dataset=dataset).values_list("number", flat=True))


@pytest.fixture
def sending(inside):
    def make(destination: int = 1, state: str = "arrived", days: int = 200, **values) -> Sending:
        made = Sending.objects.create(
            destination_id=destination, subject_id=1, event="scores", event_id="e", dedupe_key=f"d{Sending.objects.count()}", state=state,
            ended_at=timezone.now() - timedelta(days=days), **values,
        )  # fmt: skip
        Payload.objects.create(sending=made, number=1, body={"said": "hush"})
        Attempt.objects.create(sending=made, number=1, arrived=True)
        return made

    return make


def test_an_old_file_goes_and_who_sent_it_stays(dataset, inside, aged):
    key = Upload.objects.get().storage_key
    assert cleaned("uploads", inside) == 0
    aged(Upload, 91, "uploaded_at")
    assert cleaned("uploads", inside) == 1
    assert key not in storage.all_keys()
    assert (Upload.objects.get().storage_key, Upload.objects.get().filename) == ("", "telco_customers.csv")
    assert cleaned("uploads", inside) == 0
    assert len(load(Snapshot.objects.get())) > 100


def test_a_file_that_is_being_read_stays(dataset, inside, aged):
    aged(Upload, 91, "uploaded_at")
    Run.objects.create(kind="ingest", subject_id=dataset.id)
    assert cleaned("uploads", inside) == 0


def test_a_clock_killed_between_row_and_file_leaves_a_file_that_is_swept(dataset, inside, aged, monkeypatch):
    aged(Upload, 91, "uploaded_at")
    key = Upload.objects.get().storage_key

    def killed(_: str) -> None:
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(clean, "fault_point", killed)
        cleaned("uploads", inside)
    assert Upload.objects.get().storage_key == "" and key in storage.all_keys()
    monkeypatch.setattr("apps.pipeline.sweep.YOUNGEST", timedelta(seconds=-5))
    clean_due()
    assert key not in storage.all_keys()


def test_a_clock_killed_before_the_commit_leaves_everything(dataset, inside, aged, monkeypatch):
    aged(Upload, 91, "uploaded_at")
    key = Upload.objects.get().storage_key

    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    monkeypatch.setattr(clean.audit, "record", killed)
    with pytest.raises(SystemExit):
        cleaned("uploads", inside)
    assert Upload.objects.get().storage_key == key and key in storage.all_keys()


def test_sent_batches_go_but_those_that_wait(dataset, inside, aged, stored):
    for number, state in enumerate(("taken", "waiting")):
        values = {"sha256": "x", "records": 1, "state": state, "due_at": timezone.now()}
        PushedBatch.objects.create(
            dataset=dataset, idempotency_key=state, storage_key=stored("pushed", number), **values
        )
    aged(PushedBatch, 91, "received_at")
    assert cleaned("sent", inside) == 1
    assert [batch.state for batch in PushedBatch.objects.all()] == ["waiting"]
    assert storage.key_for(inside.id, "pushed", 0) not in storage.all_keys()


def test_held_tables_go_once_somebody_has_decided(dataset, inside, aged, stored):
    for state in ("open", "accepted", "discarded", "superseded"):
        HeldTable.objects.create(dataset=dataset, state=state, storage_key=stored("held", state))
    aged(HeldTable, 31, "created_at")
    assert cleaned("held", inside) == 3
    assert HeldTable.objects.get().state == "open"


def test_superseded_snapshots_go_chain_by_chain_and_the_last_three_stay(chain, inside):
    assert cleaned("snapshots", inside) == 3
    assert numbers(chain) == [4, 5, 6]
    assert cleaned("snapshots", inside) == 0
    assert len([key for key in storage.all_keys() if key.startswith(storage.key_for(inside.id, "datasets"))]) == 3


def test_a_snapshot_counts_as_old_from_when_it_was_superseded(chain, inside):
    Snapshot.objects.filter(number=4).update(created_at=timezone.now() - timedelta(days=80))
    assert cleaned("snapshots", inside) == 0


def test_what_the_newest_snapshot_rests_on_stays(chain, inside):
    first = Snapshot.objects.get(number=1)
    Snapshot.objects.filter(number__gt=1).update(base=first)
    assert cleaned("snapshots", inside) == 0


def test_a_part_of_a_chain_never_outlives_what_it_rests_on(chain, inside):
    kind = registry()["snapshots"]
    for left in ([1, 2, 4, 5, 6], [1, 4, 5, 6], [4, 5, 6]):
        remove_some(Kind(**{**vars(kind), "batch": 1}), 90, inside.id)
        assert numbers(chain) == left


@pytest.mark.parametrize("state", ["champion", "candidate", "training"])
def test_what_a_live_model_learnt_from_stays_with_its_chain(chain, inside, state):
    prediction = Prediction.objects.create(name="Churn", dataset=chain)
    ModelVersion.objects.create(prediction=prediction, number=1, state=state, snapshot=Snapshot.objects.get(number=2))
    assert cleaned("snapshots", inside) == 0
    ModelVersion.objects.update(state="retired")
    assert cleaned("snapshots", inside) == 3
    assert ModelVersion.objects.get().snapshot is None


def test_what_scores_on_show_and_waiting_messages_were_made_of_stays(chain, inside, sending):
    prediction = Prediction.objects.create(name="Churn", dataset=chain)
    version = ModelVersion.objects.create(prediction=prediction, number=1, state="retired")
    runs = [
        ScoringRun.objects.create(
            prediction=prediction, version=version, snapshot=Snapshot.objects.get(number=number), fingerprint="x", records=1, scored=1,
            history_key="w/1/x", as_of=timezone.now() - timedelta(days=10 - number),
        )
        for number in (1, 6)
    ]  # fmt: skip
    waiting = sending(state="waiting", facts={"scoring_run": runs[0].id})
    assert cleaned("snapshots", inside) == 0
    Sending.objects.filter(id=waiting.id).update(state="arrived")
    assert cleaned("snapshots", inside) == 3


@pytest.fixture
def earlier(scored):
    """A run of three years ago beside the newest one."""
    newest = ScoringRun.objects.get()
    key = storage.key_for(newest.workspace_id, "scores", scored.id, "old.parquet")
    with storage.local_copy(newest.history_key) as path:
        storage.put(path, key)
    made = ScoringRun.objects.get(id=newest.id)
    made.id, made.run_id, made.history_key = None, None, key
    made.as_of = timezone.now() - timedelta(days=1000)
    made.save()
    return made


def test_scores_of_earlier_runs_go_and_the_newest_stay(earlier, scored, inside):
    key = Score.objects.first().key
    assert len(history_of(scored, key)) == 2
    assert cleaned("scores", inside) == 1
    assert earlier.history_key not in storage.all_keys() and not ScoringRun.objects.filter(id=earlier.id).exists()
    assert len(history_of(scored, key)) == 1
    ScoringRun.objects.update(as_of=timezone.now() - timedelta(days=1000))
    assert cleaned("scores", inside) == 0


def test_a_run_that_a_delivery_compares_with_stays(earlier, scored, inside):
    Delivery.objects.create(prediction=scored, kind="webhook", name="CRM", compared_with=earlier)
    assert cleaned("scores", inside) == 0


def test_a_run_of_which_a_score_is_still_on_show_keeps_its_row(earlier, scored, inside):
    Score.objects.filter(id=Score.objects.first().id).update(scoring_run=earlier)
    before = Score.objects.count()
    assert cleaned("scores", inside) == 1
    earlier.refresh_from_db()
    assert earlier.history_key == "" and Score.objects.count() == before
    assert len(history_of(scored, Score.objects.first().key)) >= 1


def test_looks_go_after_two_years_and_take_their_bare_run_along(earlier, scored, inside):
    Look.objects.create(prediction=scored, scoring_run=earlier, number=1, records=1, at=earlier.as_of)
    assert cleaned("scores", inside) == 1
    assert ScoringRun.objects.filter(id=earlier.id).exists()
    assert cleaned("looks", inside) == 1
    assert not ScoringRun.objects.filter(id=earlier.id).exists()
    Look.objects.update(at=timezone.now() - timedelta(days=1000))
    assert cleaned("looks", inside) == 0  # the newest


def test_alerts_that_are_over_go_with_what_happened_to_them(inside):
    for state in ("resolved", "open"):
        made = Incident.objects.create(
            cause=state, severity="warning", title="T", state=state, resolved_at=timezone.now() - timedelta(days=800)
        )
        IncidentEvent.objects.create(incident=made, kind="opened", words="w")
    assert cleaned("alerts", inside) == 1
    assert (Incident.objects.get().state, IncidentEvent.objects.count()) == ("open", 1)


@pytest.fixture
def versions(inside, stored):
    """Six versions of two years ago; the last is in use."""
    dataset = Dataset.objects.create(name="Customers")
    prediction = Prediction.objects.create(name="Churn", dataset=dataset)
    for number in range(1, 7):
        ModelVersion.objects.create(
            prediction=prediction, number=number, state="champion" if number == 6 else "retired", storage_key=stored("models", number),
            facts={"scorecard": {"grade": "A"}}, enabled_at=timezone.now() - timedelta(days=700),
        )  # fmt: skip
    return prediction


def having_files(prediction: Prediction) -> list[int]:
    found = ModelVersion.objects.filter(prediction=prediction).exclude(storage_key="")
    return sorted(found.values_list("number", flat=True))


def test_replaced_models_go_but_the_last_three_and_every_scorecard(versions, inside):
    assert cleaned("models", inside) == 2
    assert having_files(versions) == [3, 4, 5, 6]
    assert ModelVersion.objects.get(number=1).scorecard == {"grade": "A"}
    assert storage.key_for(inside.id, "models", 1) not in storage.all_keys()
    assert cleaned("models", inside) == 0


def test_a_model_replaced_within_a_year_stays(versions, inside):
    ModelVersion.objects.update(enabled_at=timezone.now() - timedelta(days=300))
    assert cleaned("models", inside) == 0


def test_a_model_that_a_score_on_show_came_from_stays(versions, inside):
    version = ModelVersion.objects.get(number=1)
    run = ScoringRun.objects.create(
        prediction=versions, version=version, fingerprint="x", records=1, scored=1, history_key=""
    )
    values = {"key": "k", "value": 0.5, "predicted": "Yes", "band": "low", "as_of": timezone.now()}
    Score.objects.create(prediction=versions, version=version, scoring_run=run, **values)
    cleaned("models", inside)
    assert having_files(versions) == [1, 3, 4, 5, 6]


def test_a_candidate_stays_until_a_later_version_is_preferred(versions, inside):
    ModelVersion.objects.filter(number__lt=6).update(state="candidate")
    ModelVersion.objects.filter(number=6).update(state="retired")
    assert cleaned("models", inside) == 0
    ModelVersion.objects.filter(number=6).update(state="champion")
    assert cleaned("models", inside) == 2


def test_a_version_whose_model_is_gone_cannot_be_enabled_and_says_why(versions, inside, owner, client):
    cleaned("models", inside)
    client.force_login(owner)
    answer = client.post(f"/w/{inside.slug}/predictions/{versions.id}/versions/1/enable/")
    assert "was removed, because it is old" in str([*get_messages(answer.wsgi_request)][0])
    enable(ModelVersion.objects.get(number=1), owner)
    assert ModelVersion.objects.get(state="champion").number == 6


def test_bodies_of_messages_go_and_the_proof_of_arrival_stays(sending, inside):
    old, young, waiting = sending(days=31), sending(days=29), sending(state="waiting")
    assert cleaned("payloads", inside) == 1
    assert {one.sending_id for one in Payload.objects.all()} == {young.id, waiting.id}
    assert Attempt.objects.filter(sending=old).count() == 1


def test_a_message_without_its_body_is_prepared_anew_when_it_is_tried_again(sending, inside):
    made = sending(state="dead", days=31, facts={"prepared": True, "scoring_run": 5})
    cleaned("payloads", inside)
    made.refresh_from_db()
    assert made.facts == {"scoring_run": 5}


def test_ended_deliveries_go_but_the_last_and_the_undoable_one(sending, inside):
    undoable = sending(outcome={"can_undo": True})
    gone = [sending(), sending(state="dead"), sending(state="dropped")]
    waiting, last = sending(state="waiting"), sending()
    other = sending(destination=2)
    assert cleaned("deliveries", inside) == len(gone)
    assert set(Sending.objects.values_list("id", flat=True)) == {undoable.id, waiting.id, last.id, other.id}


def test_texts_of_mails_go_before_the_list_of_them(inside):
    for number, (state, days) in enumerate(
        [("sent", 31), ("sent", 29), ("pending", 300), ("sent", 181), ("dead", 181)]
    ):
        made = Message.objects.create(
            to="a@b.example", subject="S", text="T", html="H", message_id="m", dedupe_key=str(number), state=state, picture=b"1",
            sent_at=timezone.now() - timedelta(days=days) if state == "sent" else None,
        )  # fmt: skip
        Message.objects.filter(id=made.id).update(created_at=timezone.now() - timedelta(days=days))
    assert cleaned("mail_texts", inside) == 3
    assert set(Message.objects.exclude(text="").values_list("dedupe_key", flat=True)) == {"1", "2"}
    assert Message.objects.get(dedupe_key="0").picture is None
    assert cleaned("mails", inside) == 2
    assert set(Message.objects.values_list("dedupe_key", flat=True)) == {"0", "1", "2"}


def test_ended_work_goes_but_the_last_of_each_subject(inside, aged):
    for subject, state in ((1, "succeeded"), (1, "failed"), (1, "queued"), (2, "succeeded"), (2, "cancelled")):
        Run.objects.create(kind="score", subject_id=subject, state=state)
    aged(Run, 200, "created_at", "ended_at")
    for place, run in enumerate(Run.objects.order_by("id")):
        Run.objects.filter(id=run.id).update(created_at=run.created_at + timedelta(minutes=place))
    assert cleaned("runs", inside) == 3
    assert [(run.subject_id, run.state) for run in Run.objects.order_by("id")] == [(1, "queued"), (2, "cancelled")]


def test_files_to_take_away_go_after_a_week(inside, stored, aged):
    key = stored("exports", "1.zip")
    Run.objects.create(kind="export", subject_id=1, state="succeeded", outcome={"key": key}, ended_at=timezone.now())
    assert cleaned("exports", inside) == 0
    aged(Run, 8, "ended_at")
    assert cleaned("exports", inside) == 1
    assert Run.objects.get().outcome == {} and key not in storage.all_keys()


def test_invitations_that_are_over_go(inside):
    for number, days in enumerate((100, 50)):
        expires = timezone.now() - timedelta(days=days)
        Invitation.objects.create(email="a@b.example", role="viewer", token_hash=str(number), expires_at=expires)
    assert cleaned("invitations", inside) == 1
    assert Invitation.objects.get().token_hash == "1"


@pytest.fixture
def old_log(inside):
    """Entries of three years ago and of half a year ago. They are written as old: nothing here may change them."""
    for days in (1000, 1000, 800, 200):
        entry = AuditEntry(workspace=inside, actor_name="Anna", action=f"{days} days ago")
        AuditEntry._meta.get_field("at").auto_now_add = False
        try:
            entry.at = timezone.now() - timedelta(days=days)
            entry.save(force_insert=True)
        finally:
            AuditEntry._meta.get_field("at").auto_now_add = True
    return inside


def test_the_log_is_shortened_by_its_own_door_which_says_so(old_log):
    assert cleaned("audit", old_log) == 3
    told = AuditEntry.objects.get(action="log shortened")
    assert (told.detail["rows"], told.actor_name) == (3, "Einstein")
    assert AuditEntry.objects.filter(action="200 days ago").exists()
    assert not AuditEntry.objects.filter(action="800 days ago").exists()
    assert cleaned("audit", old_log) == 0


def test_no_door_takes_what_is_younger_than_a_year_or_of_another_workspace(old_log, elsewhere):
    with workspace_scope(old_log.id):
        every = list(AuditEntry.objects.values_list("id", flat=True))
    with workspace_scope(elsewhere.id), connection.cursor() as cursor:
        cursor.execute("SELECT rows FROM shorten_log(%s)", [every])
        assert cursor.fetchone() == (0,)
    with workspace_scope(old_log.id), connection.cursor() as cursor:
        cursor.execute("SELECT rows FROM shorten_log(%s)", [every])
        assert cursor.fetchone() == (3,)


def test_the_application_still_cannot_remove_log_entries(old_log):
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        AuditEntry.objects.all().delete()


def test_what_belongs_to_no_workspace_is_cleaned_too(owner):
    old = timezone.now() - timedelta(days=40)
    Session.objects.create(session_key="over", session_data="x", expire_date=old)
    Session.objects.create(session_key="holds", session_data="x", expire_date=timezone.now() + timedelta(days=1))
    for key in ("over", "holds"):
        UserSession.objects.create(user=owner, session_key=key, ip="127.0.0.1", user_agent="Firefox")
    for number, stopped in enumerate((old, timezone.now())):
        Task.objects.create(id=str(number), name="n", func="f", started=stopped, stopped=stopped, success=False)
    for state in ("sent", "pending"):
        AccountMessage.objects.create(to="a@b.example", subject="S", text="T", message_id="m", state=state)
        KeptMail.objects.create(to="a@b.example", subject=state, text="T")
    AccountMessage.objects.update(created_at=old)
    KeptMail.objects.filter(subject="sent").update(kept_at=old)
    assert clean_installation() == {"sessions": 1, "tasks": 1, "account_mails": 1, "kept_mails": 1}
    assert (Session.objects.get().session_key, AccountMessage.objects.get().state) == ("holds", "pending")
    assert [one.session_key for one in UserSession.objects.all()] == ["holds"]
    assert sum(clean_installation().values()) == 0


def test_another_workspace_is_left_untouched(dataset, inside, elsewhere, aged):
    with workspace_scope(elsewhere.id):
        theirs = Dataset.objects.create(name="Theirs")
        Upload.objects.create(dataset=theirs, filename="a.csv", size=1, storage_key=f"w/{elsewhere.id}/a")
        aged(Upload, 91, "uploaded_at")
    aged(Upload, 91, "uploaded_at")
    clean_workspace(inside.id)
    with workspace_scope(elsewhere.id):
        assert Upload.objects.get().storage_key == f"w/{elsewhere.id}/a"


def test_every_removal_stands_in_the_log(dataset, inside, aged):
    aged(Upload, 91, "uploaded_at")
    clean_workspace(inside.id)
    told = AuditEntry.objects.get(action="old data removed")
    assert (told.subject, told.detail) == ("Files you uploaded", {"rows": 1, "older_than_days": 90})


def test_a_workspace_is_cleaned_once_an_hour_and_soon_again_where_more_is_left(inside, elsewhere, monkeypatch):
    assert clean_due() == 2
    assert clean_due() == 0
    Retention.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    for number in range(3):
        Invitation.objects.create(
            email="a@b.example", role="viewer", token_hash=str(number), expires_at=timezone.now() - timedelta(days=100)
        )
    kind = registry()["invitations"]
    monkeypatch.setitem(registry(), "invitations", Kind(**{**vars(kind), "batch": 2}))
    assert clean_due() == 1
    assert Invitation.objects.count() == 1
    assert Retention.objects.get().next_at < timezone.now() + timedelta(minutes=2)


def test_one_workspace_that_cannot_be_cleaned_keeps_no_other_from_it(inside, elsewhere, monkeypatch):
    tried = []

    def broken(workspace_id: int) -> None:
        tried.append(workspace_id)
        raise RuntimeError

    monkeypatch.setattr(clean, "clean_workspace", broken)
    assert clean_due() == 2 and sorted(tried) == sorted([inside.id, elsewhere.id])


def test_operators_set_the_days_and_a_workspace_only_shortens_them(settings):
    kind = registry()["uploads"]
    assert (kind.kept, kind.kept_with({"uploads": 30}), kind.kept_with({"uploads": 9999})) == (90, 30, 90)
    settings.KEEP_DAYS = {"uploads": 10}
    assert (kind.kept, kind.kept_with({"uploads": 30})) == (10, 10)
    settings.KEEP_DAYS = {"audit": 1}
    assert registry()["audit"].kept_with({"audit": 2}) == 365


def test_a_new_kind_is_a_module_and_nothing_else(tmp_path, monkeypatch):
    from apps.pipeline import retention

    (tmp_path / "crumbs.py").write_text(
        "from apps.pipeline.retention import Kind\nKIND = Kind('crumbs', 'Crumbs', '', '', 1, 999, None, None)\n"
    )
    monkeypatch.setattr(retention, "__path__", [*retention.__path__, str(tmp_path)])
    registry.cache_clear()
    try:
        assert list(registry())[-1] == "crumbs" and registry()["crumbs"].setting == "EINSTEIN_KEEP_CRUMBS_DAYS"
    finally:
        registry.cache_clear()
