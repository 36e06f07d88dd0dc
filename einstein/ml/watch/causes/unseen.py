"""Answers the model has never seen."""

from __future__ import annotations

from einstein.ml.watch.causes.base import Cause, Finder, Sight
from einstein.ml.watch.wording import percent


def find(sight: Sight, others: list[Sight]) -> Cause | None:
    """Answers of no known kind."""
    if not ({"unseen", "new"} & sight.loud):
        return None
    unseen = sight.found.facts.get("unseen", {})
    if sight.loud == {"new"}:
        name = newest(sight)
        words = f"{percent(unseen[name])} of the records of {sight.field} hold “{name[:40]}”, an answer the model has never seen."
        return Cause("unseen", words)
    names = ", ".join(f"“{level[:40]}”" for level in sorted(unseen, key=lambda level: -unseen[level])[:3])
    return Cause(
        "unseen",
        f"{sight.field} holds answers the model has never seen in {percent(sum(unseen.values()))} of the records: {names}.",
    )


def newest(sight: Sight) -> str:
    """The answer unknown to the reference that is news to the stream too, else the commonest; raises `ValueError` where there is none."""
    unseen = sight.found.facts["unseen"]
    return sight.found.facts.get("newest") or max(unseen, key=lambda level: unseen[level])


FINDER = Finder(80, find)
