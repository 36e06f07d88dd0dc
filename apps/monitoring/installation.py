"""Faults of the installation itself: operators are told once and once when it is over; customers are not bothered.

The clock looks whether planned runs are picked up anywhere; the web process looks whether the clock still lives (a dead man's switch), and
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
from django.template.loader import render_to_string

from apps.monitoring.models import OperatorIncident, Pulse
from apps.outbox.account_mail import write_account_email
from apps.outbox.send import send_account_messages
from apps.workspaces.models import User
from einstein.fault_points import fault_point
from einstein.outbound import http
from einstein.outbound.addresses import OutboundProblem
from einstein.postgres import moment
from einstein.web.templatetags.words import plural

logger = logging.getLogger("einstein.monitoring")
CLOCK = "clock"
DEAD_AFTER = timedelta(minutes=5)
LOOK_EVERY = 30.0  # seconds between looks of one web process
PING_EVERY = 60.0
TITLES = {"runs_late": "Planned runs are not picked up", "clock_dead": "The clock has stopped"}
ADVICE = {
    "runs_late": "The background workers have probably stopped. Start them; waiting runs are then done by themselves. See docs/runbooks/runs-late.md.",
    "clock_dead": "No runs are planned, no checks are made and no mail leaves until it is started again. See docs/runbooks/clock-dead.md.",
}
_last_ping = 0.0


def check_installation() -> None:
    """The clock's look at the whole: late runs of all workspaces, and a sign of life of its own."""
    Pulse.objects.update_or_create(part=CLOCK, defaults={"at": moment.now()})
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspaces, predictions FROM late_runs()")
        workspaces, predictions = cursor.fetchone()
    who = f"{predictions:,} {plural('prediction', predictions)} of {workspaces:,} {plural('workspace', workspaces)}"
    sees = f"{who} {'has' if predictions == 1 else 'have'} had no new scores, because no worker picks up the runs."
    _follow("runs_late", sees if predictions else "")
    _follow("clock_dead", "")
    _ping()


def _follow(kind: str, sees: str) -> None:
    """Open, tell or resolve one fault; `sees` is empty when there is none."""
    with transaction.atomic():
        known = OperatorIncident.objects.select_for_update().filter(kind=kind, resolved_at=None).first()
        if sees and known is None:
            known = OperatorIncident.objects.create(kind=kind, sees=sees)
        if known is None:
            return
        if not sees:
            known.resolved_at = moment.now()
            known.save(update_fields=["resolved_at"])
            if known.told_at is not None:
                _mail(known, "resolved")
            return
        ripe = known.opened_at + timedelta(seconds=settings.GROUPING_SECONDS) <= moment.now()
        if known.told_at is None and (ripe or kind == "clock_dead"):
            known.told_at, known.sees = moment.now(), sees
            known.save(update_fields=["told_at", "sees"])
            _mail(known, "opened")
        fault_point("operators told")


def _mail(incident: OperatorIncident, moment: str) -> None:
    title = TITLES[incident.kind]
    subject = title if moment == "opened" else f"Over: {title}"
    context = {
        "incident": incident, "subject": subject, "moment": moment, "advice": ADVICE[incident.kind], "url": f"{settings.PUBLIC_URL}/console/",
        "tag": "Installation" if moment == "opened" else "Healthy",
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
    _follow("clock_dead", f"It last showed a sign of life at {pulse.at:%H:%M} UTC.")
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
