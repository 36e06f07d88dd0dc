"""A way to make rows old."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone


@pytest.fixture
def aged():
    """Set moments of all rows of a model that long ago."""

    def age(model, days: int, *names: str, **which) -> None:
        model.objects.filter(**which).update(**dict.fromkeys(names, timezone.now() - timedelta(days=days)))

    return age


@pytest.fixture
def stored():
    """Store a small file; its key."""
    from apps.workspaces.scope import current_workspace_id
    from einstein import storage

    def put(*parts: object) -> str:
        key = storage.key_for(current_workspace_id(), *parts)
        storage.put_bytes(b"1", key)
        return key

    return put
