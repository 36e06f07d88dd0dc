"""Measuring what each workspace uses, and telling its admins once a month when a quota is nearly or quite full."""

from __future__ import annotations

import logging

from django.conf import settings
from django.template.loader import render_to_string

from apps.outbox.write import write_email
from apps.workspaces.models import Workspace
from apps.workspaces.months import month_after
from apps.workspaces.people import responsible
from apps.workspaces.quotas import Figure, operator_words
from apps.workspaces.scope import workspace_scope
from apps.workspaces.standing import standing
from apps.workspaces.usage import measure, to_measure
from einstein.postgres import moment

logger = logging.getLogger("einstein.usage")
NEARLY = 80  # percent


def measure_usage() -> int:
    """Measure the workspaces whose turn it is; return how many. Two clocks at once measure the same and tell once."""
    due = to_measure()
    for workspace_id in due:
        try:
            with workspace_scope(workspace_id):
                tell_admins(Workspace.objects.get(id=workspace_id), measure(workspace_id))
        except Exception:  # the others' turn has come too; this one's comes again in an hour
            logger.exception("what workspace %s uses could not be measured", workspace_id)
            with workspace_scope(workspace_id):
                Workspace.objects.filter(id=workspace_id).update(measured_at=moment.now())
    return len(due)


def tell_admins(workspace: Workspace, figures: list[Figure]) -> None:
    """One e-mail to each admin when a quota is at 80 % and one when it is full, each once a month."""
    for figure in figures:
        if figure.limit and figure.percent >= NEARLY:
            _tell(workspace, figure, 100 if figure.percent >= 100 else NEARLY)


def _tell(workspace: Workspace, figure: Figure, level: int) -> None:
    known = standing()
    words = "at its limit" if level == 100 else f"{figure.percent}% used"
    subject = f"{workspace.name}: {figure.quota.title} {words}"
    context = {
        "workspace": workspace, "figure": figure, "full": level == 100, "subject": subject, "tag": "Full" if level == 100 else "Nearly full",
        "operator": operator_words(), "anew": month_after(known.month) if figure.quota.monthly else None,
        "url": f"{settings.PUBLIC_URL}/w/{workspace.slug}/settings/usage/",
    }  # fmt: skip
    text, html = (render_to_string(f"pipeline/email/quota.{ending}", context) for ending in ("txt", "html"))
    for person in responsible(None):
        key = f"quota:{figure.quota.kind}:{level}:{known.month}:{person.id}"
        write_email(person.email, subject, text, html, dedupe_key=key)
