"""The audit trail: one row for each thing a person (or the product itself) did in a workspace."""

from typing import Any

from apps.workspaces.models import AuditEntry, User


def record(actor: User | None, action: str, subject: str = "", **detail: Any) -> None:
    """Write one entry in the current transaction, so that it stands exactly when the deed stands."""
    AuditEntry.objects.create(
        actor=actor, actor_name=str(actor) if actor else "Einstein", action=action, subject=subject[:200], detail=detail
    )
