"""Rename, pause, archive and delete, each with undo. Datasets and predictions share the words.

What is deleted can be brought back until the clean-up removes it (apps/pipeline/retention/deleted_*.py).
"""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from apps.workspaces import audit
from apps.workspaces.models import User

MOVES = {"pause": "paused", "archive": "archived", "delete": "deleted"}


def change(thing: Any, answers: QueryDict, user: User) -> str:
    """Do what a form's `action` asks: rename, or one of the moves. Returns the sentence to show; "" when there is none."""
    action, name = answers.get("action", ""), answers.get("name", "").strip()
    if action == "rename" and name:
        rename(thing, name, user)
    elif action in {*MOVES, "undo", "resume"}:
        return move(thing, action, user)
    return ""


def move(thing: Any, action: str, user: User) -> str:
    """Apply pause, archive, delete, resume or undo to a dataset or prediction; returns the sentence to show."""
    kind = thing._meta.verbose_name
    if action in MOVES:
        if thing.state != MOVES[action]:
            thing.state_before, thing.state = thing.state, MOVES[action]
        words = f"{thing.name} is {thing.state}."
    else:
        went_back = action == "undo" and thing.state_before != thing.state
        thing.state = thing.state_before if went_back else _alive(thing)
        words = f"{thing.name} is back."
    thing.save(update_fields=["state", "state_before"])
    audit.record(user, f"{kind} {action}", thing.name)
    return words


def rename(thing: Any, name: str, user: User) -> None:
    before, thing.name = thing.name, name[:120]
    thing.save(update_fields=["name"])
    audit.record(user, f"{thing._meta.verbose_name} renamed", thing.name, before=before)


def _alive(thing: Any) -> str:
    """A prediction without an enabled version goes back to being a draft."""
    return "draft" if getattr(thing, "champion_id", 0) is None else "active"
