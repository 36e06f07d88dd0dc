"""The audit trail: one row for each thing a person (or the product itself) did in a workspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from apps.workspaces.models import AuditEntry, User

_support: ContextVar[str] = ContextVar("support", default="")


def record(actor: User | None, action: str, subject: str = "", **detail: Any) -> None:
    """Write one entry in the current transaction, so that it stands exactly when the deed stands."""
    name = f"{actor}{_support.get()}" if actor else "Einstein"
    AuditEntry.objects.create(actor=actor, actor_name=name[:200], action=action, subject=subject[:200], detail=detail)


@contextmanager
def by_support(operator: User) -> Iterator[None]:
    """Whatever is recorded within was done by an operator, whom the customer let in or who acts on the installation."""
    token = _support.set(f" (operator, {operator.email})")
    try:
        yield
    finally:
        _support.reset(token)
