"""The operators' log: one row for each thing an operator did, beside what stands in the workspace's own trail."""

from __future__ import annotations

from apps.console.models import OperatorEntry
from apps.workspaces import audit
from apps.workspaces.models import User
from apps.workspaces.scope import workspace_scope

AT_THE_MACHINE = "Somebody at the machine"  # who runs a command needs no log-in


def note(operator: User | None, action: str, subject: str = "", workspace_id: int | None = None) -> None:
    """Write one entry in the current transaction."""
    OperatorEntry.objects.create(
        operator=operator, operator_name=operator.email if operator else AT_THE_MACHINE, action=action,
        subject=subject[:300], workspace_number=workspace_id,
    )  # fmt: skip


def note_in_workspace(operator: User, action: str, subject: str, workspace_id: int) -> None:
    """Write it where the customer sees it too, naming the operator."""
    with workspace_scope(workspace_id), audit.by_support(operator):
        audit.record(operator, action, subject)
        note(operator, action, subject, workspace_id)
