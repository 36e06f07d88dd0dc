"""Which files nothing speaks of any more once some rows are gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from apps.pipeline.sweep import named
from apps.workspaces.scope import current_workspace_id


@contextmanager
def files_let_go() -> Iterator[list[str]]:
    """Remove rows within it; afterwards the list holds the keys of the files that only they named."""
    keys: list[str] = []
    before = named(current_workspace_id())
    yield keys
    keys += sorted(before - named(current_workspace_id()))
