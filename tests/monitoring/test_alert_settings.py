"""Who is told, of what, how soon: each part of the page saves by itself, wrong input says what is wrong, and nobody is mailed unasked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.conf import settings as project
from django.utils import timezone

from apps.monitoring.custom import words_of
from apps.monitoring.models import Blackout, CustomCheck, Incident, Look, Recipient, Watch
from apps.monitoring.sensitivity import preview
from apps.outbox.models import Message
from apps.scoring.models import ScoringRun
from tests.monitoring.conftest import ALARM, alarm, check_and_tell, subjects


@pytest.fixture
def page(client, owner, workspace, scored):
    """Post one part of the settings page, or read it."""
    client.force_login(owner)
    address = f"/w/{workspace.slug}/predictions/{scored.id}/monitoring/settings/"

    def act(part: str = "", **values) -> str:
        form = (
            {f"{part}-{name}": value for name, value in values.items()}
            if part in {"recipient", "check", "blackout"}
            else values
        )
        answer = client.post(address, {"part": part, **form}, follow=True) if part else client.get(address)
        assert answer.status_code == 200
        return answer.content.decode()

    return act


RECIPIENT = {"email": "ops@elsewhere.example", "whole": "this", "least": "warning", "pace": "at_once"}
CHECK = {"metric": "blank", "field": "tenure", "above": "yes", "limit": "5", "runs": "1", "severity": "warning"}


def test_an_address_outside_is_asked_first_and_told_after_its_yes(client, page, scored, settings):
    settings.GROUPING_SECONDS = 0
    assert "Nothing is sent before the answer" in page("recipient", **RECIPIENT)
    mail = Message.objects.get()
    assert mail.to == "ops@elsewhere.example"
    link = re.search(r"http\S+/alerts/join/\S+", mail.text).group().removeprefix(project.PUBLIC_URL)
    client.logout()
    client.get(link)
    assert Recipient.objects.get().confirmed_at is None
    client.post(link)
    assert Recipient.objects.get().confirmed_at is not None


def test_a_member_with_a_confirmed_address_needs_no_asking(page, owner):
    page("recipient", **RECIPIENT | {"email": owner.email, "whole": "all"})
    assert Recipient.objects.get().confirmed_at is not None
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("part", "values", "words"),
    [
        ("recipient", RECIPIENT | {"email": "nobody"}, "Enter a valid email address"),
        ("recipient", RECIPIENT | {"quiet_from": "22:00"}, "both ends of the quiet hours"),
        ("recipient", RECIPIENT | {"quiet_from": "25:00", "quiet_until": "06:00"}, "Enter a valid time"),
        ("check", CHECK | {"field": ""}, "Pick the field"),
        ("check", CHECK | {"limit": "500"}, "between 0 and 100"),
        ("check", CHECK | {"limit": "nan"}, "Enter a number"),
        ("check", CHECK | {"metric": "'; DROP TABLE x"}, "Select a valid choice"),
        ("check", CHECK | {"runs": "99"}, "less than or equal to 14"),
        (
            "blackout",
            {"whole": "this", "starts_at": "2026-12-02T10:00", "ends_at": "2026-12-01T10:00"},
            "end lies before",
        ),
        (
            "blackout",
            {"whole": "this", "starts_at": "2026-12-02T10:00", "ends_at": "2027-12-01T10:00"},
            "a month at most",
        ),
    ],
)
def test_wrong_input_says_what_is_wrong_and_saves_nothing(page, part, values, words):
    assert words in page(part, **values)
    assert not (Recipient.objects.exists() or CustomCheck.objects.exists() or Blackout.objects.exists())


def test_the_same_address_twice_is_said(page):
    page("recipient", **RECIPIENT)
    assert "is named already" in page("recipient", **RECIPIENT)
    assert Recipient.objects.count() == 1


@pytest.mark.parametrize("number", ["", "x", "999999", "9" * 40])
def test_removing_what_is_not_there_changes_nothing(page, number):
    page("recipient", **RECIPIENT)
    page("remove_recipient", id=number)
    assert Recipient.objects.count() == 1


def test_what_was_added_can_be_removed(page):
    page("recipient", **RECIPIENT)
    page("remove_recipient", id=str(Recipient.objects.get().id))
    assert not Recipient.objects.exists()


def test_maintenance_is_planned_in_the_workspaces_time(page):
    page("blackout", whole="this", starts_at="2026-12-02T10:00", ends_at="2026-12-02T12:00", reason="New warehouse")
    planned = Blackout.objects.get()
    assert planned.starts_at.isoformat() == "2026-12-02T09:00:00+00:00"
    assert planned.ends_at - planned.starts_at == timedelta(hours=2)


def test_a_check_made_by_clicks_alerts_in_its_own_words(page, scored, settings):
    settings.GROUPING_SECONDS = 0
    page("check", **CHECK)
    check = CustomCheck.objects.get()
    assert words_of(check) == "Share of records where tenure is empty above 5%"
    look = Look.objects.get()
    look.fields["tenure"][3] = 0.2
    look.save()
    check_and_tell(scored)
    assert subjects() == ["Churn: Share of records where tenure is empty above 5%"]
    page("remove_check", id=str(check.id))
    check_and_tell(scored)
    assert Incident.objects.get().state == "resolved"


def test_a_check_over_several_runs_waits_for_them(page, scored):
    page("check", **CHECK | {"metric": "records", "field": "", "above": "no", "limit": "500", "runs": "2"})
    check_and_tell(scored)
    assert not Incident.objects.exists()


@pytest.mark.parametrize(("level", "told"), [("1", 0), ("2", 1), ("3", 1)])
def test_the_slider_decides_what_is_told(page, scored, settings, level, told):
    settings.GROUPING_SECONDS = 0
    page("sensitivity", level=level)
    Look.objects.update(alarms=[alarm(check="field_moved", cause="moved")])
    check_and_tell(scored)
    assert len(subjects()) == told
    assert Watch.objects.get().sensitivity == int(level)


def test_a_level_that_is_none_changes_nothing(page):
    page("sensitivity", level="9")
    assert Watch.objects.get().sensitivity == 2


def test_the_preview_counts_openings_of_the_last_ninety_days(scored):
    run, now = ScoringRun.objects.get(), timezone.now()
    drift = alarm(check="field_moved", cause="moved", severity="info")
    story = [[], [ALARM], [ALARM], [], [drift], [ALARM, drift], []]
    for days, alarms in enumerate(reversed(story), 1):
        copy = ScoringRun.objects.create(
            prediction=scored, version=run.version, fingerprint=str(days), records=1, scored=1, history_key="none"
        )
        Look.objects.create(
            prediction=scored, scoring_run=copy, number=days, records=1, alarms=alarms, at=now - timedelta(days=days)
        )
    assert preview(scored) == {1: 2, 2: 2, 3: 3, 4: 3}


def test_a_viewer_may_not_change_it(client, workspace, scored, join):
    client.force_login(join(workspace, "viewer"))
    for way in ("settings/", "learn/"):
        assert client.post(f"/w/{workspace.slug}/predictions/{scored.id}/monitoring/{way}").status_code == 403
