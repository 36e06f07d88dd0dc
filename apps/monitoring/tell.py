"""Telling people what is due: one e-mail per person for what became due together, in the transaction that marks it told."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.db import connection
from django.template.loader import render_to_string

from apps.monitoring.checks import GRAVITY
from apps.monitoring.incidents import GRAVEST, note
from apps.monitoring.links import answer_url, leave_url
from apps.monitoring.models import LIVE_INCIDENT, Alert, Incident, Notice
from apps.monitoring.notices import plan_follow_ups
from apps.monitoring.picture import picture_of
from apps.outbox.models import Message
from apps.outbox.write import write_email
from apps.workspaces.models import Workspace
from apps.workspaces.scope import workspace_scope
from einstein.fault_points import fault_point
from einstein.postgres import moment
from einstein.web.clock_words import local_time

logger = logging.getLogger("einstein.monitoring")
BATCH = 100
TAGS = {"critical": "No scores", "warning": "Needs a look", "info": "For your information"}
SUBJECTS = {
    "opened": "{}",
    "worse": "Now critical: {}",
    "reminder": "Still open: {}",
    "escalated": "Nobody has answered: {}",
    "resolved": "Over: {}",
}
MOST_ALERTS = 200  # of one incident that are looked at for the words of its e-mail
MOST_TOGETHER = 50  # incidents in one e-mail; the rest comes with the next
PREDICTIONS_NAMED = 12


def tell_due() -> int:
    """Tell everything that is due; return how many notices were looked at. Each person is a transaction of her own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, id FROM due_notices(%s)", [BATCH])
        due = cursor.fetchall()
    for workspace_id, notice_id in due:
        try:
            with workspace_scope(workspace_id):
                tell(notice_id)
        except Exception:
            logger.exception("telling notice %s failed", notice_id)
    return len(due)


def tell(notice_id: int) -> None:
    """Tell one person whatever is due for her together with this notice."""
    first = Notice.objects.filter(id=notice_id, state="waiting").first()
    if first is None:
        return
    # The first of a person's notices is everybody's lock for that person: whoever waited finds nothing left.
    waiting = Notice.objects.select_for_update(of=("self",)).filter(
        to=first.to, state="waiting", due_at__lte=moment.now()
    )
    due = [one for one in waiting.select_related("incident").order_by("id")[:MOST_TOGETHER] if _still_counts(one)]
    fault_point("notices locked")
    if not due:
        return
    message = _one(due[-1]) if len({one.incident_id for one in due}) == 1 else _together(due)
    fault_point("message written")
    for one in due:
        one.state, one.told_at, one.message = "told", moment.now(), message
        one.save(update_fields=["state", "told_at", "message"])
        _note_told(one)


def _still_counts(one: Notice) -> bool:
    """Whether what was planned is still to be told; else it is dropped, or waits for the end of a snooze."""
    incident = one.incident
    if one.moment == "resolved":
        return True
    if incident.state == "snoozed" and incident.snoozed_until and incident.snoozed_until > moment.now():
        Notice.objects.filter(id=one.id).update(due_at=incident.snoozed_until)
        return False
    if incident.state == "snoozed":
        Incident.objects.filter(id=incident.id).update(state="open", snoozed_until=None)
    if incident.state in {"resolved", "acknowledged"}:
        Notice.objects.filter(id=one.id).update(state="dropped")
        return False
    return True


def _note_told(one: Notice) -> None:
    incident = one.incident
    if one.moment == "resolved":
        note(incident, "told", f"To {one.to}: it is over")
        return
    Incident.objects.filter(id=incident.id, told_at=None).update(told_at=moment.now())
    note(incident, "told", f"To {one.to}")
    plan_follow_ups(incident, _alerts_of(incident), one.to)


def _alerts_of(incident: Incident) -> list[Alert]:
    """The incident's open alerts, gravest first; when it is over, its last ones."""
    found = Alert.objects.filter(incident=incident).select_related("prediction__dataset")
    live = list(found.filter(state="open").order_by(GRAVEST, "opened_at", "id")[:MOST_ALERTS])
    return live or list(found.order_by("-resolved_at")[:1])


def _one(notice: Notice) -> Message:
    incident, workspace = notice.incident, Workspace.objects.get(id=notice.workspace_id)
    alerts = _alerts_of(incident)
    names = list(dict.fromkeys(alert.prediction.name for alert in alerts))
    subject = SUBJECTS[notice.moment].format(incident.title)
    picture = picture_of(alerts[0]) if notice.moment != "resolved" else None
    context = _frame(workspace, notice.to) | {
        "incident": incident, "moment": notice.moment, "alert": alerts[0], "answers": alerts[0].answers, "prediction": alerts[0].prediction,
        "others": alerts[1:PREDICTIONS_NAMED], "names": names[:PREDICTIONS_NAMED], "more": max(0, len(names) - PREDICTIONS_NAMED), "subject": subject,
        "tag": "Healthy" if notice.moment == "resolved" else TAGS[incident.severity], "picture": picture,
        "since": local_time(incident.opened_at, workspace.zone), "url": _page(workspace, incident),
        "answer_url": answer_url(incident, notice.to) if incident.state in LIVE_INCIDENT else "",
    }  # fmt: skip
    ending = "resolved" if notice.moment == "resolved" else "opened"
    return _written(notice, subject, ending, context, picture.png if picture else None, _thread(notice))


def _together(due: list[Notice]) -> Message:
    """Several things at once: a list, worst first."""
    workspace = Workspace.objects.get(id=due[0].workspace_id)
    live = sorted((one for one in due if one.moment != "resolved"), key=lambda one: GRAVITY[one.incident.severity])
    over = [one.incident for one in due if one.moment == "resolved"]
    shown = {one.incident_id: one.incident for one in live}
    worst = min(
        (incident.severity for incident in shown.values()), key=lambda severity: GRAVITY[severity], default="info"
    )
    total = len(shown) + len(over)
    subject = (
        f"{workspace.name}: {total} things to know"
        if not over
        else f"{workspace.name}: {len(shown)} open, {len(over)} over"
    )
    items = [
        {"incident": incident, "alert": _alerts_of(incident)[0], "url": _page(workspace, incident), "answer_url": answer_url(incident, due[0].to)}
        for incident in shown.values()
    ]  # fmt: skip
    context = _frame(workspace, due[0].to) | {
        "subject": subject, "tag": TAGS[worst] if shown else "Healthy", "items": items, "over": over, "url": _page(workspace),
    }  # fmt: skip
    return _written(due[0], subject, "digest", context, None, "")


def _page(workspace: Workspace, incident: Incident | None = None) -> str:
    """The address of one incident, or of all."""
    return f"{settings.PUBLIC_URL}/w/{workspace.slug}/alerts/{f'{incident.id}/' if incident else ''}"


def _frame(workspace: Workspace, to: str) -> dict[str, Any]:
    return {"workspace": workspace, "leave_url": leave_url(workspace.id, to)}


def _written(notice: Notice, subject: str, template: str, context: dict, picture: bytes | None, thread: str) -> Message:
    text, html = (render_to_string(f"monitoring/email/{template}.{ending}", context) for ending in ("txt", "html"))
    return write_email(
        notice.to, subject, text, html, dedupe_key=f"notice:{notice.id}", unsubscribe_url=context["leave_url"], picture=picture, thread=thread
    )  # fmt: skip


def _thread(notice: Notice) -> str:
    """The Message-ID of the first e-mail to this person about this incident, so that one incident is one thread."""
    told = Notice.objects.filter(incident=notice.incident, to=notice.to, state="told", message__isnull=False)
    first = told.order_by("id").select_related("message").first()
    return first.message.message_id if first else ""
