"""What probably happened to a field, told from its values before and now. Each module in this folder tells one kind of fault; the folder
is the registration."""

from __future__ import annotations

from functools import lru_cache

from einstein.ml.discovery import modules_in
from einstein.ml.watch.causes.base import Cause, Finder, Sight

__all__ = ["Cause", "Sight", "cause_of"]


@lru_cache
def registry() -> list[Finder]:
    """Every finder in the order in which they are asked."""
    found: list[Finder] = [module.FINDER for module in modules_in(__name__, __path__)]
    return sorted(found, key=lambda finder: finder.order)


def cause_of(sight: Sight, others: list[Sight]) -> Cause:
    """The first cause that fits; the last finder always has one."""
    return next(cause for finder in registry() if (cause := finder.find(sight, others)) is not None)
