"""Answers the model has never seen."""

from __future__ import annotations

from einstein.ml.watch.causes.base import Cause, Finder, Sight
from einstein.ml.watch.wording import percent


def find(sight: Sight, others: list[Sight]) -> Cause | None:
    """Answers of no known kind."""
    if not ({"unseen", "new"} & sight.loud):
        return None
    unseen = sight.found.facts.get("unseen", {})
    names = ", ".join(f"“{level[:40]}”" for level in sorted(unseen, key=lambda level: -unseen[level])[:3])
    return Cause(
        "unseen",
        f"{sight.field} holds answers the model has never seen in {percent(sum(unseen.values()))} of the records: {names}.",
    )


FINDER = Finder(80, find)
