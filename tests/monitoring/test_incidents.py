"""One incident a cause: it opens once, tells once, keeps still when asked, reminds while nobody answers, and says when it is over."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from apps.monitoring.models import Alert, Blackout, Incident, IncidentEvent, Look, Notice, Recipient
from apps.monitoring.recipients import Target, next_digest
from apps.monitoring.tell import tell_due
from apps.outbox.models import Message
from apps.pipeline.story import plan_due_scoring
from apps.predictions.models import Prediction
from apps.runs.models import Run
from tests.monitoring.conftest import ALARM, alarm, check_and_tell, later, mend, subjects

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
TITLE = "Churn: MonthlyCharges seems to be in another unit"


def test_a_fault_opens_one_incident_and_one_mail_however_often_it_is_checked(broken, owner):
    for _ in range(3):
        check_and_tell(broken)
    assert Incident.objects.get().title == TITLE
    assert subjects() == [TITLE]
    assert Message.objects.get().to == owner.email


def test_when_it_is_over_one_mail_says_so_in_the_same_thread(broken):
    check_and_tell(broken)
    mend()
    for _ in range(2):
        check_and_tell(broken)
    assert subjects() == [TITLE, f"Over: {TITLE}"]
    first, second = Message.objects.order_by("id")
    assert (first.thread, second.thread) == ("", first.message_id)
    assert Incident.objects.get().state == "resolved"


def test_the_mail_waits_for_the_grouping_time_and_is_never_sent_for_what_passes_before(broken, settings):
    settings.GROUPING_SECONDS = 600
    check_and_tell(broken)
    assert subjects() == []
    mend()
    check_and_tell(broken)
    later()
    tell_due()
    assert subjects() == []
    assert Notice.objects.get().state == "dropped"


def test_after_the_grouping_time_it_is_told(broken, settings):
    settings.GROUPING_SECONDS = 600
    check_and_tell(broken)
    later()
    tell_due()
    assert subjects() == [TITLE]


def test_what_comes_back_within_a_day_is_the_same_incident_and_after_three_times_it_has_to_stay(broken):
    for _ in range(4):
        Look.objects.update(alarms=[ALARM])
        check_and_tell(broken)
        mend()
        check_and_tell(broken)
    assert Incident.objects.get().times == 4
    assert len(subjects()) == 6  # three times opened and over; the fourth has to stay for a day first
    assert Alert.objects.count() == 4


def test_a_new_fault_after_a_day_is_a_new_incident(broken):
    check_and_tell(broken)
    mend()
    check_and_tell(broken)
    Incident.objects.update(resolved_at=timezone.now() - 2 * DAY)
    Look.objects.update(alarms=[ALARM])
    check_and_tell(broken)
    assert Incident.objects.count() == 2


def test_twelve_predictions_on_one_broken_feed_are_one_mail_that_names_them(broken, owner):
    from apps.monitoring.models import Watch
    from apps.scoring.models import ScoringRun

    run = ScoringRun.objects.get()
    for number in range(11):
        other = Prediction.objects.create(
            name=f"Model {number}", dataset=broken.dataset, owner=owner, state="active", champion=broken.champion, outcome_kind="binary", outcome_field="Churn"
        )  # fmt: skip
        Watch.objects.create(prediction=other)
        copy = ScoringRun.objects.create(
            prediction=other,
            version=run.version,
            fingerprint=str(number),
            records=200,
            scored=200,
            history_key="none",
            bands=run.bands,
        )
        Look.objects.create(prediction=other, scoring_run=copy, number=1, records=200, alarms=[ALARM])
    for prediction in Prediction.objects.select_related("dataset", "champion"):
        from apps.monitoring.watch import check_prediction

        check_prediction(prediction)
    tell_due()
    message = Message.objects.get()
    assert message.subject == "Telco customers: MonthlyCharges seems to be in another unit (12 predictions)"
    assert all(f"Model {number}" in message.text for number in range(11))
    assert Alert.objects.count() == 12


def test_a_warning_that_becomes_critical_is_told_at_once(broken):
    check_and_tell(broken)
    Look.objects.update(
        alarms=[ALARM, alarm(check="scores_constant", severity="critical", message="Every record has the same score.")]
    )
    check_and_tell(broken)
    assert subjects() == [TITLE, "Now critical: Churn: every customer has the same score"]


def test_notes_are_on_the_page_and_in_nobodys_mail(broken):
    Look.objects.update(alarms=[alarm(check="field_moved", severity="info", cause="moved")])
    check_and_tell(broken)
    later()
    tell_due()
    assert Incident.objects.get().severity == "info"
    assert subjects() == []


@pytest.mark.parametrize("answer", [{"action": "acknowledge"}, {"snooze": "1"}])
def test_an_acknowledged_or_snoozed_incident_keeps_still(client, owner, workspace, broken, settings, answer):
    settings.GROUPING_SECONDS = 600
    check_and_tell(broken)
    client.force_login(owner)
    client.post(f"/w/{workspace.slug}/alerts/{Incident.objects.get().id}/answer/", answer)
    later()
    check_and_tell(broken)
    assert subjects() == []
    assert Incident.objects.get().state in {"acknowledged", "snoozed"}


def test_what_was_acknowledged_before_anybody_was_told_is_told_when_it_is_opened_again(
    client, owner, workspace, broken, settings
):
    settings.GROUPING_SECONDS = 600
    check_and_tell(broken)
    client.force_login(owner)
    address = f"/w/{workspace.slug}/alerts/{Incident.objects.get().id}/answer/"
    client.post(address, {"action": "acknowledge"})
    later()
    tell_due()
    assert subjects() == []
    client.post(address, {"action": "open"})
    tell_due()
    assert subjects() == [TITLE]
    client.post(address, {"action": "acknowledge"})
    client.post(address, {"action": "open"})
    assert Notice.objects.get(state="waiting").due_at > timezone.now() + 23 * HOUR  # a reminder, a day later


def test_a_snoozed_incident_is_told_when_its_time_is_over(broken):
    check_and_tell(broken)
    Incident.objects.update(state="snoozed", snoozed_until=timezone.now() - HOUR)
    later()
    tell_due()
    assert Incident.objects.get().state == "open"
    assert subjects() == [TITLE, f"Still open: {TITLE}"]


def test_every_day_somebody_is_reminded_until_somebody_answers(broken):
    check_and_tell(broken)
    assert Notice.objects.get(state="waiting").due_at > timezone.now() + 23 * HOUR
    later()
    tell_due()
    assert subjects() == [TITLE, f"Still open: {TITLE}"]


def test_what_is_critical_and_unanswered_for_four_hours_is_told_to_the_admins(broken, workspace, join, owner):
    admin = join(workspace, "admin")
    Look.objects.update(alarms=[alarm(check="scores_constant", severity="critical", message="All alike.")])
    check_and_tell(broken)
    escalation = Notice.objects.get(moment="escalated")
    assert (escalation.to, escalation.due_at > timezone.now() + 3 * HOUR) == (admin.email, True)
    Notice.objects.filter(moment="escalated").update(due_at=timezone.now())
    tell_due()
    assert (
        Message.objects.get(to=admin.email).subject == "Nobody has answered: Churn: every customer has the same score"
    )


def test_a_fourth_warning_in_a_week_waits_for_the_morning(broken):
    incidents = [
        Incident.objects.create(cause=f"dataset:{number}", severity="warning", title="x", state="resolved")
        for number in range(90, 93)
    ]
    for one in incidents:
        message = Message.objects.create(
            to="anna@brightline.example", subject="earlier", text="", message_id="m", dedupe_key=one.cause
        )
        Notice.objects.create(incident=one, to="anna@brightline.example", moment="opened", occasion="1", state="told", told_at=timezone.now(), due_at=timezone.now(), message=message)  # fmt: skip
    check_and_tell(broken)
    waiting = Notice.objects.get(state="waiting")
    assert waiting.due_at.astimezone(BERLIN).hour == 7
    assert waiting.due_at > timezone.now()


def test_what_becomes_due_together_is_one_mail(broken, owner):
    check_and_tell(broken)
    Notice.objects.update(state="waiting", message=None)
    other = Incident.objects.create(cause="dataset:99", severity="critical", title="Another thing")
    Alert.objects.create(prediction=broken, incident=other, check_kind="scores_produced", severity="critical", title="Another thing", answers={"what": "No scores."})  # fmt: skip
    Notice.objects.create(incident=other, to=owner.email, moment="opened", occasion="1", due_at=timezone.now())
    Notice.objects.filter(moment="reminder").delete()
    Message.objects.all().delete()
    tell_due()
    message = Message.objects.get()
    assert message.subject == "Brightline: 2 things to know"
    assert message.text.index("ANOTHER THING") < message.text.index(TITLE.upper())
    assert set(Notice.objects.exclude(moment="reminder").values_list("state", flat=True)) == {"told"}


def test_telling_twice_tells_once(broken):
    check_and_tell(broken)
    Notice.objects.filter(moment="opened").update(state="waiting")  # a clock that died after writing the mail
    tell_due()
    assert subjects() == [TITLE]


def test_during_planned_maintenance_nobody_is_told_before_it_is_over(broken):
    end = timezone.now() + 2 * HOUR
    Blackout.objects.create(prediction=broken, starts_at=timezone.now() - HOUR, ends_at=end)
    check_and_tell(broken)
    assert subjects() == []
    assert Notice.objects.get().due_at == end


@pytest.mark.parametrize("thing", ["prediction", "dataset"])
@pytest.mark.parametrize("state", ["paused", "archived", "deleted"])
def test_what_is_paused_archived_or_deleted_never_alerts(broken, thing, state):
    target = broken if thing == "prediction" else broken.dataset
    target.state = state
    target.save()
    broken.refresh_from_db()
    check_and_tell(broken)
    assert not Incident.objects.exists()
    assert subjects() == []


def test_what_falls_silent_with_an_open_incident_closes_it_without_a_word(broken):
    check_and_tell(broken)
    broken.state = "paused"
    broken.save()
    check_and_tell(broken)
    assert Incident.objects.get().state == "resolved"
    assert subjects() == [TITLE]
    assert not Notice.objects.filter(state="waiting").exists()


@pytest.mark.parametrize("state", ["paused", "archived", "deleted"])
def test_a_dataset_out_of_use_is_not_scored_on_schedule(scored, state):
    scored.dataset.state = state
    scored.dataset.save()
    scored.next_run_at = timezone.now() - timedelta(minutes=1)
    scored.save()
    plan_due_scoring(scored.workspace_id, scored.id)
    assert not Run.objects.filter(kind="score", state="queued").exists()
    scored.refresh_from_db()
    assert scored.next_run_at > timezone.now()


def test_late_runs_of_stopped_workers_are_not_told_to_customers(scored, settings):
    settings.GROUPING_SECONDS = settings.GRACE_SECONDS = 0
    Run.objects.create(kind="score", subject_id=scored.id, state="queued")
    scored.next_run_at = scored.last_slot_at = timezone.now() - 2 * HOUR
    scored.save()
    from apps.scoring.models import ScoringRun

    ScoringRun.objects.update(checked_at=timezone.now() - DAY)
    check_and_tell(scored)
    assert Incident.objects.get().cause == "installation"
    assert subjects() == []
    assert Notice.objects.get().due_at > timezone.now() + 23 * HOUR


def named(broken, **values) -> Recipient:
    return Recipient.objects.create(email="ops@brightline.example", prediction=broken, **values)


def test_whoever_is_named_is_told_instead_of_the_owner(broken):
    named(broken, confirmed_at=timezone.now())
    check_and_tell(broken)
    assert [message.to for message in Message.objects.all()] == ["ops@brightline.example"]


def test_an_address_that_has_not_said_yes_gets_nothing(broken, owner):
    named(broken)
    check_and_tell(broken)
    assert [message.to for message in Message.objects.all()] == [owner.email]


def test_only_critical_is_only_critical(broken):
    named(broken, confirmed_at=timezone.now(), least="critical")
    check_and_tell(broken)
    assert subjects() == []


NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("target", "severity", "expected"),
    [
        (Target("a", "a"), "warning", NOON),
        (Target("a", "a", pace="daily"), "warning", datetime(2026, 11, 26, 6, 0, tzinfo=UTC)),
        (Target("a", "a", pace="weekly"), "warning", datetime(2026, 11, 30, 6, 0, tzinfo=UTC)),
        (Target("a", "a", pace="weekly"), "critical", NOON),
        (Target("a", "a", quiet_from=time(12), quiet_until=time(15)), "warning", datetime(2026, 11, 25, 14, 0, tzinfo=UTC)),
        (Target("a", "a", quiet_from=time(12), quiet_until=time(6)), "warning", datetime(2026, 11, 26, 5, 0, tzinfo=UTC)),
        (Target("a", "a", quiet_from=time(22), quiet_until=time(6)), "warning", NOON),
        (Target("a", "a", quiet_from=time(12), quiet_until=time(15)), "critical", NOON),
    ],
    ids=["at once", "daily", "weekly", "critical waits for nothing", "in quiet hours", "over midnight", "outside of them", "critical in them"],
)  # fmt: skip
def test_each_is_told_when_she_wants_to_be(target, severity, expected):
    assert target.soonest(NOON, severity, BERLIN) == expected


def test_the_morning_digest_keeps_its_hour_over_the_change_of_clocks():
    assert next_digest(datetime(2026, 10, 24, 12, 0, tzinfo=BERLIN), weekly=False).hour == 7
    assert next_digest(datetime(2026, 10, 24, 12, 0, tzinfo=BERLIN), weekly=False).astimezone(UTC).hour == 6


def test_the_pages_and_the_mail_answer_every_question(client, owner, workspace, broken):
    check_and_tell(broken)
    client.force_login(owner)
    found = Incident.objects.get()
    page = client.get(f"/w/{workspace.slug}/alerts/{found.id}/").content.decode()
    mail = Message.objects.get()
    for heading in ("What happened", "Likely why", "What to do"):
        assert heading in page
        assert heading in mail.html
        assert heading.upper() in mail.text
    assert f"/w/{workspace.slug}/alerts/{found.id}/" in mail.text
    assert "about 100 times larger than in training" in mail.text
    assert TITLE in client.get(f"/w/{workspace.slug}/alerts/").content.decode()
    assert TITLE in client.get(f"/w/{workspace.slug}/health/").content.decode()
    assert IncidentEvent.objects.filter(incident=found, kind="told").exists()


def test_an_e_mail_stays_small(broken):
    check_and_tell(broken)
    message = Message.objects.get()
    assert len(message.html.encode()) + len(bytes(message.picture or b"")) < 100_000
