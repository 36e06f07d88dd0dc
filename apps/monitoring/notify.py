"""Telling people about an alert: once when it is there, once when it is over; by verified e-mail only."""

from __future__ import annotations

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone

from apps.monitoring.models import Alert, AlertEvent
from apps.outbox.write import write_email
from apps.workspaces.models import User, Workspace
from apps.workspaces.people import responsible

TAGS = {"critical": "No scores", "warning": "Needs a look"}


def tell_opened(alert: Alert) -> None:
    """Write the alert's one e-mail per recipient, in the transaction that marks it told."""
    people = responsible(alert.prediction.owner_id)
    _mail(alert, people, "opened", alert.title, {"tag": TAGS[alert.severity]})
    alert.told_at, alert.told_to = timezone.now(), [str(person) for person in people]
    alert.save(update_fields=["told_at", "told_to"])
    names = ", ".join(alert.told_to)
    words = f"To {names}" if names else "Nobody has a confirmed e-mail address, so nobody was told"
    AlertEvent.objects.create(alert=alert, kind="told", words=words)


def tell_resolved(alert: Alert, sees: str) -> None:
    """Tell the same people that it is over."""
    _mail(
        alert,
        responsible(alert.prediction.owner_id),
        "resolved",
        f"Over: {alert.title}",
        {"tag": "Healthy", "sees": sees},
    )


def _mail(alert: Alert, people: list[User], moment: str, subject: str, extra: dict) -> None:
    workspace = Workspace.objects.get(id=alert.workspace_id)
    context = {
        "alert": alert, "answers": alert.answers, "prediction": alert.prediction, "workspace": workspace, "subject": subject,
        "url": f"{settings.PUBLIC_URL}/w/{workspace.slug}/alerts/{alert.id}/", **extra,
    }  # fmt: skip
    text = render_to_string(f"monitoring/email/{moment}.txt", context)
    html = render_to_string(f"monitoring/email/{moment}.html", context)
    for person in people:
        write_email(person.email, subject, text, html, dedupe_key=f"alert:{alert.id}:{moment}:{person.id}")
