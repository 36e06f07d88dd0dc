"""A field that is empty, or emptier than it was."""

from __future__ import annotations

from einstein.ml.watch.causes.base import Cause, Finder, Sight
from einstein.ml.watch.wording import percent


def find(sight: Sight, others: list[Sight]) -> Cause | None:
    """No values, or fewer, or more than usual."""
    share = sight.share("blank")
    if share >= 0.999 and "blank" in sight.loud:
        return Cause("empty", f"{sight.field} is empty in all {len(sight.values.column):,} records.")
    if sight.loud != {"blank"} and not ("blank" in sight.loud and share - sight.usual("blank") > 0.2):
        return None
    if share < sight.usual("blank"):
        return Cause(
            "filled",
            f"{sight.field} is empty in {percent(share)} of the records; {percent(sight.usual('blank'))} were usual.",
            gross=False,
        )
    return Cause(
        "blank",
        f"{sight.field} is empty in {percent(share)} of the records instead of {percent(sight.usual('blank'))}.",
    )


FINDER = Finder(10, find)
