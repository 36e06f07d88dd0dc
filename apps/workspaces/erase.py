"""Erasing a workspace: asked for by an admin, done two weeks later unless somebody keeps it; then no row and no file of it is left."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.core.mail import send_mail
from django.db import connection
from django.template.loader import render_to_string

from apps.workspaces import audit
from apps.workspaces.models import AuditEntry, Erasure, Membership, User, Workspace
from apps.workspaces.people import PeopleError
from apps.workspaces.scope import workspace_scope
from apps.workspaces.tenancy import tenant_models
from einstein import storage
from einstein.postgres import moment

logger = logging.getLogger("einstein.workspaces")
GRACE = timedelta(days=14)  # as long as a holiday: whoever did not want it sees the mail in time
SWEPT = timedelta(days=1)  # a worker that was busy may write a last file after its workspace has gone


def plan_erasure(workspace: Workspace, user: User, typed_name: str) -> None:
    """Set the day and tell every admin. Raises `PeopleError` unless the name was typed as it is."""
    if typed_name.strip() != workspace.name:
        raise PeopleError(f"Type the name of the workspace as it is: {workspace.name}")
    if workspace.erase_at is not None:
        return
    workspace.erase_at = moment.now() + GRACE
    workspace.save(update_fields=["erase_at"])
    audit.record(user, "erasure asked for", workspace.name, day=workspace.erase_at.date().isoformat())
    _tell_admins(workspace, f"{workspace.name} will be erased on {_day(workspace)}", "erasure_planned", asked_by=user)


def keep_workspace(workspace: Workspace, user: User) -> None:
    """Take a planned erasure back. Raises `PeopleError` when its day has come: files may be gone already."""
    if workspace.erase_at is None:
        return
    if workspace.erase_at <= moment.now():
        raise PeopleError("Its day has come; it is being erased.")
    workspace.erase_at = None
    workspace.save(update_fields=["erase_at"])
    audit.record(user, "erasure taken back", workspace.name)
    _tell_admins(workspace, f"{workspace.name} stays", "erasure_taken_back", kept_by=user)


def erase_due() -> int:
    """Erase what is due; return how many. Safe to run twice and to be killed at any line: the row goes last."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM workspaces_to_erase()")
        due = [row[0] for row in cursor.fetchall()]
    for workspace_id in due:
        try:
            erase(workspace_id)
        except Exception:  # the others' day has come too; this one is tried again in a minute
            logger.exception("workspace %s could not be erased", workspace_id)
    for erasure in Erasure.objects.filter(erased_at__gt=moment.now() - SWEPT):
        storage.delete(storage.key_for(erasure.workspace_number))
    return len(due)


def erase(workspace_id: int) -> None:
    """Remove every file and row of a workspace whose day has come; rows of Runs go too, so a busy worker may not write any more."""
    with workspace_scope(workspace_id), connection.cursor() as cursor:
        workspace = Workspace.objects.select_for_update().filter(id=workspace_id, erase_at__lte=moment.now()).first()
        if workspace is None:
            return
        storage.delete(storage.key_for(workspace_id))
        _tell_admins(workspace, f"{workspace.name} was erased", "erasure_done")
        rows = 0
        for model in tenant_models():  # in any order: foreign keys are compared at the end of the transaction
            if model is not AuditEntry:  # which only the tables' owner may remove
                cursor.execute(f'DELETE FROM "{model._meta.db_table}" WHERE workspace_id = %s', [workspace_id])
                rows += cursor.rowcount
        cursor.execute("SELECT * FROM forget_workspace(%s, %s)", [workspace_id, rows])
    logger.warning("workspace %s was erased: %s rows", workspace_id, rows)


def _tell_admins(workspace: Workspace, subject: str, template: str, **context: object) -> None:
    admins = Membership.objects.select_related("user").filter(role="admin", user__is_active=True).order_by("id")
    context |= {"workspace": workspace, "day": _day(workspace) if workspace.erase_at else ""}
    text = render_to_string(f"workspaces/email/{template}.txt", context)
    for member in admins:
        send_mail(subject, text, None, [member.user.email])


def _day(workspace: Workspace) -> str:
    return f"{workspace.erase_at.astimezone(workspace.zone):%-d %B %Y}"
