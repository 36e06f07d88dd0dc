"""The tenant scope: which workspace the current transaction belongs to. Without one, no tenant query runs.

Two walls stand on it. In Python, `TenantManager` filters by the scope and raises without it. In PostgreSQL, row-level
security compares each row with the setting `einstein.workspace`, which lives as long as the transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection, transaction

from einstein.logs import about

_current: ContextVar[int | None] = ContextVar("workspace", default=None)


class NoWorkspace(Exception):
    """A tenant table was asked for outside any workspace."""


def current_workspace_id() -> int:
    """The workspace in scope; raises `NoWorkspace` when there is none."""
    workspace_id = _current.get()
    if workspace_id is None:
        raise NoWorkspace("Enter `workspace_scope(workspace_id)` before touching a workspace's data.")
    return workspace_id


def in_workspace() -> bool:
    return _current.get() is not None


@contextmanager
def workspace_scope(workspace_id: int) -> Iterator[None]:
    """Run the block as one transaction inside one workspace. Scopes nest; the outer one comes back."""
    with about(workspace=workspace_id), transaction.atomic(), _setting("einstein.workspace", workspace_id):
        token = _current.set(workspace_id)
        try:
            yield
        finally:
            _current.reset(token)


@contextmanager
def person_scope(user_id: int) -> Iterator[None]:
    """Let a person see her own memberships and their workspaces, before one is chosen."""
    with transaction.atomic(), _setting("einstein.person", user_id):
        yield


@contextmanager
def _setting(name: str, value: int) -> Iterator[None]:
    outermost = not connection.savepoint_ids
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s, true), set_config(%s, %s, true)", [name, name, str(value)])
        previous = cursor.fetchone()[0] or ""
    yield
    # After an error the roll-back of the (sub)transaction restores the setting, so this line is not reached;
    # the end of the whole transaction forgets it.
    if outermost or connection.needs_rollback:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [name, previous])
