"""The installation's own faults: operators hear of them once, customers do not, and a dead clock is noticed by the web process."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.monitoring import faults, installation
from apps.monitoring.installation import check_installation, look_at_the_clock
from apps.monitoring.models import Alert, Incident, OperatorIncident, Pulse
from apps.outbox.models import AccountMessage, KeptMail
from apps.workspaces.scope import workspace_scope
from tests.conftest import ROOT


@pytest.fixture
def late(scored, settings):
    """A run that no worker picks up."""
    settings.GROUPING_SECONDS = 0
    incident = Incident.objects.create(cause="installation", severity="critical", title="Late")
    Alert.objects.create(
        prediction=scored,
        incident=incident,
        check_kind="scores_produced",
        severity="critical",
        title="Late",
        answers={},
    )
    return incident


def mails() -> list[tuple[str, str]]:
    return list(AccountMessage.objects.order_by("id").values_list("to", "subject"))


def test_operators_hear_once_of_late_runs_and_once_when_it_is_over(late, operator):
    for _ in range(3):
        check_installation()
    assert mails() == [(operator.email, "Planned runs are not picked up")]
    assert "1 prediction of 1 workspace has had no new scores" in AccountMessage.objects.get().text
    with workspace_scope(late.workspace_id):
        Alert.objects.update(state="resolved")
    for _ in range(2):
        check_installation()
    assert [subject for _, subject in mails()][1:] == ["Over: Planned runs are not picked up"]


def test_what_passes_within_the_grouping_time_is_told_to_nobody(late, operator, settings):
    settings.GROUPING_SECONDS = 600
    check_installation()
    Alert.objects.update(state="resolved")
    check_installation()
    assert mails() == []
    assert OperatorIncident.objects.get().resolved_at is not None


def test_what_comes_and_goes_is_one_incident_and_over_only_after_a_calm(late, operator, settings):
    check_installation()
    settings.GROUPING_SECONDS = 600
    Alert.objects.update(state="resolved")
    check_installation()
    assert OperatorIncident.objects.get().resolved_at is None
    Alert.objects.update(state="open")
    check_installation()
    assert OperatorIncident.objects.get().good_since is None
    Alert.objects.update(state="resolved")
    check_installation()
    OperatorIncident.objects.update(good_since=timezone.now() - timedelta(minutes=11))
    check_installation()
    assert [subject for _, subject in mails()] == [
        "Planned runs are not picked up",
        "Over: Planned runs are not picked up",
    ]


def test_a_look_that_fails_hides_no_other(late, operator, monkeypatch):
    def broken() -> str:
        raise ZeroDivisionError

    found = {"broken": faults.Fault("broken", "Broken", "", 0, broken), **faults.registry()}
    monkeypatch.setattr(installation, "registry", lambda: found)
    check_installation()
    assert mails() == [(operator.email, "Planned runs are not picked up")]


def test_every_fault_has_its_runbook_and_a_line_in_the_guide():
    guide = (ROOT / "docs" / "operating.md").read_text()
    for fault in faults.registry().values():
        page = (ROOT / fault.runbook).read_text()
        assert page.startswith(f"# {fault.title}\n\n**What it means.**")
        assert fault.runbook.removeprefix("docs/") in guide


def test_staff_without_a_confirmed_address_gets_no_mail(late, make_user):
    user = make_user("new@einstein.example", verified=False)
    user.is_staff = True
    user.save()
    check_installation()
    assert mails() == []


def test_a_dead_clock_is_told_by_the_web_process_which_sends_the_mail_itself(db, operator):
    Pulse.objects.create(part="clock", at=timezone.now() - timedelta(minutes=6))
    for _ in range(2):
        assert look_at_the_clock() is False
    assert [mail.subject for mail in KeptMail.objects.all()] == ["The clock has stopped"]
    check_installation()  # it lives again
    assert look_at_the_clock() is True
    assert mails()[-1] == (operator.email, "Over: The clock has stopped")


def test_a_living_clock_is_no_fault(db, operator):
    Pulse.objects.create(part="clock", at=timezone.now())
    assert look_at_the_clock()
    assert mails() == []


def test_the_address_outside_is_called_while_the_clock_lives(db, settings, monkeypatch):
    called = []
    settings.PING_URL = "https://ping.example/abc"
    monkeypatch.setattr(installation, "_last_ping", -1e9)
    monkeypatch.setattr(installation.http, "fetch", lambda method, url, **_: called.append((method, url)))
    for _ in range(2):
        check_installation()
    assert called == [("GET", "https://ping.example/abc")]
