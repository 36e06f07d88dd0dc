"""Faults of the installation itself: operators are told once and once when it is over; customers are not bothered.

The clock looks for every kind of fault (apps/monitoring/faults); the web process looks whether the clock still lives (a dead man's switch), and
an address outside may be called after every round, so that somebody notices when everything is gone.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.template.loader import render_to_string

from apps.monitoring.faults import Fault, registry
from apps.monitoring.models import OperatorIncident, Pulse
from apps.outbox.account_mail import write_account_email
from apps.outbox.send import send_account_messages
from apps.workspaces.models import User
from einstein.fault_points import fault_point
from einstein.outbound import http
from einstein.outbound.addresses import OutboundProblem
from einstein.postgres import moment

logger = logging.getLogger("einstein.monitoring")
CLOCK = "clock"
DEAD_AFTER = timedelta(minutes=5)
LOOK_EVERY = 30.0  # seconds between looks of one web process
PING_EVERY = 60.0
_last_ping = 0.0


def check_installation() -> None:
    """The clock's look at the whole, and a sign of life of its own. A look that fails hides no other."""
    Pulse.objects.update_or_create(part=CLOCK, defaults={"at": Now()})
    for fault in registry().values():
        try:
            with transaction.atomic():
                _follow(fault, fault.see())
        except Exception:
            logger.exception("looking for %s failed", fault.kind)
    _ping()


def _follow(fault: Fault, sees: str) -> None:
    """Open, tell or end one fault; `sees` is empty when there is none."""
    incidents = OperatorIncident.objects.select_for_update()
    if sees:
        incident, _ = incidents.get_or_create(
            kind=fault.kind, resolved_at=None, defaults={"sees": sees, "opened_at": Now()}
        )
        _go_on(fault, incident, sees)
    else:
        incident = incidents.filter(kind=fault.kind, resolved_at=None).first()
        if incident is not None:
            _calm_down(fault, incident)
    fault_point("operators told")


def _go_on(fault: Fault, incident: OperatorIncident, sees: str) -> None:
    """It is still there: tell once it has held for long enough."""
    this = OperatorIncident.objects.filter(id=incident.id)
    if incident.sees != sees or incident.good_since:
        this.update(sees=sees, good_since=None)
        incident.sees = sees
    if this.filter(told_at=None, opened_at__lte=Now() - timedelta(seconds=fault.opens_after)).update(told_at=Now()):
        _mail(fault, incident, "opened")


def _calm_down(fault: Fault, incident: OperatorIncident) -> None:
    """It is gone: over once it has been so for long enough, and at once where nobody was told."""
    this = OperatorIncident.objects.filter(id=incident.id)
    this.filter(good_since=None).update(good_since=Now())
    calm = timedelta(seconds=fault.closes_after if incident.told_at else 0)
    if this.filter(good_since__lte=Now() - calm).update(resolved_at=Now()) and incident.told_at:
        _mail(fault, incident, "resolved")


def _mail(fault: Fault, incident: OperatorIncident, moment: str) -> None:
    subject = fault.title if moment == "opened" else f"Over: {fault.title}"
    context = {
        "incident": incident, "subject": subject, "moment": moment, "advice": f"{fault.advice} See {fault.runbook}.",
        "url": f"{settings.PUBLIC_URL}/console/", "tag": "Installation" if moment == "opened" else "Healthy",
    }  # fmt: skip
    text, html = (render_to_string(f"monitoring/email/operators.{ending}", context) for ending in ("txt", "html"))
    for email in operators():
        write_account_email(email, subject, text, html)


def operators() -> list[str]:
    """The confirmed addresses of the installation's staff."""
    staff = User.objects.filter(is_staff=True, is_active=True)
    known = EmailAddress.objects.filter(user__in=staff, verified=True, email__iexact=F("user__email"))
    return sorted(known.values_list("email", flat=True))


def _ping() -> None:
    """Call an address outside that raises the alarm when calls stop, such as a check of healthchecks.io."""
    global _last_ping
    if not settings.PING_URL or time.monotonic() - _last_ping < PING_EVERY:
        return
    _last_ping = time.monotonic()
    try:
        http.fetch("GET", settings.PING_URL, seconds=10.0)
    except OutboundProblem as error:
        logger.warning("the address outside could not be called: %s", error)


def look_at_the_clock() -> bool:
    """Whether the clock lives; when it has died the operators are told from here, because nobody else can."""
    pulse = Pulse.objects.filter(part=CLOCK).first()
    if pulse is None or pulse.at > moment.now() - DEAD_AFTER:
        return True
    with transaction.atomic():
        _follow(registry()["clock_dead"], f"It last showed a sign of life at {pulse.at:%H:%M} UTC.")
    send_account_messages()
    return False


def watch_the_clock() -> None:
    """Begin to look whether the clock lives, twice a minute, beside the answering of requests."""
    threading.Thread(target=_keep_looking, daemon=True, name="clock-watch").start()


def _keep_looking() -> None:
    while True:
        time.sleep(LOOK_EVERY)
        try:
            look_at_the_clock()
        except Exception:
            logger.exception("looking at the clock failed")
        finally:
            connection.close()
