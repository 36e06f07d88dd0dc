"""What is to be told, to whom and when: planned in the transaction of its cause, told by `tell` once it is due.

Numbers from DEFAULTS: ten minutes to let alerts of one cause come together, one reminder a day while nobody has answered, warnings beyond
three a week to the same person wait for the next morning's digest, the admins hear of what is critical and unanswered for four hours.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from apps.monitoring.models import Alert, Blackout, Incident, Notice
from apps.monitoring.recipients import Target, admins_besides, next_digest, targets_of
from apps.workspaces.models import Workspace

A_DAY = timedelta(days=1)
A_WEEK, MOST_A_WEEK = timedelta(days=7), 3
ESCALATE_AFTER = timedelta(hours=4)
STEADY_TIMES = 3  # how often an incident may come back within days before it has to stay for a day to be told again
INSTALLATION = "installation"


def plan_opened(incident: Incident, alerts: list[Alert]) -> None:
    """Tell everybody whom it concerns, once the alerts of its cause have had time to come together. Planning twice changes nothing."""
    if incident.severity == "info" or incident.state != "open":
        return
    wait = timedelta(seconds=settings.GROUPING_SECONDS)
    if incident.cause == INSTALLATION or incident.times > STEADY_TIMES:
        wait = A_DAY  # operators mend it before, or it comes and goes
    _plan(incident, alerts, "opened", incident.opened_at + wait)


def plan_worse(incident: Incident, alerts: list[Alert]) -> None:
    """Tell that a warning has become critical."""
    _plan(incident, alerts, "worse", timezone.now())


def plan_resolved(incident: Incident) -> None:
    """Tell those who were told that it is over."""
    told = Notice.objects.filter(incident=incident, state="told", occasion=str(incident.times)).exclude(
        moment="resolved"
    )
    for email in set(told.values_list("to", flat=True)):
        _write(incident, email, "resolved", timezone.now())


def plan_follow_ups(incident: Incident, alerts: list[Alert], told_to: str) -> None:
    """After somebody was told: a reminder tomorrow, and the other admins when what is critical stays unanswered."""
    now = timezone.now()
    Notice.objects.get_or_create(
        incident=incident, to=told_to, moment="reminder", occasion=f"{incident.times}:{now.date()}", defaults={"due_at": now + A_DAY}
    )  # fmt: skip
    if incident.severity == "critical" and incident.cause != INSTALLATION:
        known = {target.email.lower() for target in targets_of(alerts)}
        for target in admins_besides(known | {told_to.lower()}):
            _write(incident, target.email, "escalated", now + ESCALATE_AFTER)


def drop_waiting(incident: Incident) -> None:
    """What was to be told and has become pointless."""
    Notice.objects.filter(incident=incident, state="waiting").update(state="dropped")


def _plan(incident: Incident, alerts: list[Alert], moment: str, due: datetime) -> None:
    due = _after_blackouts(due, {alert.prediction_id for alert in alerts})
    zone = Workspace.objects.get(id=incident.workspace_id).zone
    for target in targets_of(alerts):
        if target.wants(incident.severity):
            when = target.soonest(due, incident.severity, zone)
            if incident.severity != "critical" and _told_this_week(target) >= MOST_A_WEEK:
                when = max(when, next_digest(due.astimezone(zone), weekly=False))
            _write(incident, target.email, moment, when)


def _write(incident: Incident, email: str, moment: str, due: datetime) -> None:
    Notice.objects.get_or_create(
        incident=incident, to=email, moment=moment, occasion=str(incident.times), defaults={"due_at": due}
    )


def _told_this_week(target: Target) -> int:
    """How many e-mails about openings went to a person within a week; what came together in one counts once."""
    told = Notice.objects.filter(
        to__iexact=target.email, state="told", moment="opened", told_at__gt=timezone.now() - A_WEEK
    )
    return told.values("message_id").distinct().count()


def _after_blackouts(due: datetime, predictions: set[int]) -> datetime:
    """The end of the planned maintenance that covers all of some predictions, else `due`."""
    over = Blackout.objects.filter(starts_at__lte=due, ends_at__gt=due)
    planned = over.filter(Q(prediction=None) | Q(prediction_id__in=predictions))
    whole = [one.ends_at for one in planned if one.prediction_id is None]
    each = {one.prediction_id: one.ends_at for one in planned if one.prediction_id is not None}
    if not whole and set(each) != predictions:
        return due
    return max([*whole, *each.values()])
