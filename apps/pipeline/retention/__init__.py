"""What is kept how long: one module a kind. The folder is the registration; a new kind edits nothing outside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from einstein.ml.discovery import modules_in

__all__ = ["Kind", "before", "registry"]


@dataclass(frozen=True)
class Kind:
    """Rows that grow old. `due(days)` are those that may go, nothing that is needed among them; `remove(rows)` takes them from the database and
    returns the keys of files that no row speaks of any more. `least` is the fewest days anybody may choose.

    `inside` says whether rows belong to workspaces. What goes through a door of its own (`by_door`) is locked and written down there.
    """

    name: str
    title: str
    goes: str
    stays: str
    days: int
    order: int
    due: Callable[[int], QuerySet]
    remove: Callable[[list[Any]], list[str]]
    least: int = 1
    inside: bool = True
    by_door: bool = False
    batch: int = 200

    @property
    def setting(self) -> str:
        return f"EINSTEIN_KEEP_{self.name.upper()}_DAYS"

    @property
    def kept(self) -> int:
        """Days, as the operators set them."""
        return max(self.least, settings.KEEP_DAYS.get(self.name, self.days))

    def kept_with(self, own: dict[str, int]) -> int:
        """Days, where a workspace has chosen its `own`: shorter than the operators' if it likes, never longer."""
        return max(self.least, min(self.kept, own.get(self.name, self.kept)))


def before(days: int) -> CombinedExpression:
    """The moment so many days ago, by the database's clock."""
    return Now() - timedelta(days=days)


@lru_cache
def registry() -> dict[str, Kind]:
    """Every kind by name, in the order the page shows them."""
    found: list[Kind] = [module.KIND for module in modules_in(__name__, __path__)]
    return {kind.name: kind for kind in sorted(found, key=lambda kind: kind.order)}
