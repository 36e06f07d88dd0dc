"""What is to be told, to whom and when: planned in the transaction of its cause, told by `tell` once it is due.

Numbers from DEFAULTS: ten minutes to let alerts of one cause come together, one reminder a day while nobody has answered, warnings beyond
three a week to the same person wait for the next morning's digest, the admins hear of what is critical and unanswered for four hours.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from apps.monitoring.models import Alert, Blackout, Incident, Notice
from apps.monitoring.recipients import Target, admins_besides, next_digest, targets_of, targets_of_prediction
from apps.predictions.models import Prediction
from apps.workspaces.models import Workspace
from einstein.postgres import moment

A_DAY = timedelta(days=1)
A_WEEK, MOST_A_WEEK = timedelta(days=7), 3
ESCALATE_AFTER = timedelta(hours=4)
STEADY_TIMES = 3  # how often an incident may come back within days before it has to stay for a day to be told again
INSTALLATION = "installation"


def plan_opened(incident: Incident, prediction: Prediction) -> None:
    """Tell everybody whom this prediction concerns, once the alerts of its cause have had time to come together. Planning twice changes nothing."""
    if incident.severity == "info" or incident.state != "open":
        return
    wait = timedelta(seconds=settings.GROUPING_SECONDS)
    if incident.cause == INSTALLATION or incident.times > STEADY_TIMES:
        wait = A_DAY  # operators mend it before, or it comes and goes
    _plan(incident, prediction, "opened", incident.opened_at + wait)


def plan_worse(incident: Incident, prediction: Prediction) -> None:
    """Tell that a warning has become critical."""
    _plan(incident, prediction, "worse", moment.now())


def plan_resolved(incident: Incident) -> None:
    """Tell those who were told that it is over."""
    told = Notice.objects.filter(incident=incident, state="told", occasion=str(incident.times)).exclude(
        moment="resolved"
    )
    for email in set(told.values_list("to", flat=True)):
        _write(incident, email, "resolved", moment.now())


def plan_follow_ups(incident: Incident, alerts: list[Alert], told_to: str) -> None:
    """After somebody was told: a reminder tomorrow, and the other admins when what is critical stays unanswered."""
    now = moment.now()
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


def take_up_again(incident: Incident) -> None:
    """What an answer had dropped or put off is told after all: at once where nobody was told, else as a reminder in a day."""
    again = Notice.objects.filter(
        incident=incident, state__in=["waiting", "dropped"], occasion__startswith=str(incident.times)
    )
    again.filter(moment="opened").update(state="waiting", due_at=moment.now())
    again.exclude(moment="opened").update(state="waiting", due_at=moment.now() + A_DAY)


def _plan(incident: Incident, prediction: Prediction, moment: str, due: datetime) -> None:
    due = _after_blackouts(due, prediction)
    zone = Workspace.objects.get(id=incident.workspace_id).zone
    for target in targets_of_prediction(prediction):
        if target.wants(incident.severity):
            when = target.soonest(due, incident.severity, zone)
            if incident.severity != "critical" and _told_this_week(target) >= MOST_A_WEEK:
                when = max(when, next_digest(due.astimezone(zone), weekly=False))
            _write(incident, target.email, moment, when)


def _write(incident: Incident, email: str, moment: str, due: datetime) -> None:
    """Plan it, or bring forward what waits for later."""
    notice, made = Notice.objects.get_or_create(
        incident=incident, to=email, moment=moment, occasion=str(incident.times), defaults={"due_at": due}
    )
    if not made and notice.state == "waiting" and due < notice.due_at:
        Notice.objects.filter(id=notice.id, state="waiting").update(due_at=due)


def _told_this_week(target: Target) -> int:
    """How many e-mails about openings went to a person within a week; what came together in one counts once."""
    told = Notice.objects.filter(
        to__iexact=target.email, state="told", moment="opened", told_at__gt=moment.now() - A_WEEK
    )
    return told.values("message_id").distinct().count()


def _after_blackouts(due: datetime, prediction: Prediction) -> datetime:
    """The end of the planned maintenance of a prediction, else `due`."""
    planned = Blackout.objects.filter(
        Q(prediction=None) | Q(prediction=prediction), starts_at__lte=due, ends_at__gt=due
    )
    return max(planned.values_list("ends_at", flat=True), default=due)
