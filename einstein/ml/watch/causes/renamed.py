"""An answer under another name, or written otherwise."""

from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np

from einstein.ml.watch.causes.base import LITTLE, Cause, Finder, Sight, made_room
from einstein.ml.watch.causes.unseen import newest
from einstein.ml.watch.gauges.category import CategoryGauge
from einstein.ml.watch.wording import percent, plain

ALIKE = 0.6  # Ratcliff and Obershelp's likeness of two spellings, 0 to 1, from which they may be one name
MOST_COMPARED = 200  # known answers, the commonest
LEAST_MISSED = 3.0  # records that a vanished answer would have had: fewer may be missing by chance


def find(sight: Sight, others: list[Sight]) -> Cause | None:
    """An unseen answer that is a known one respelt, or as common as one that vanished."""
    if not isinstance(sight.gauge, CategoryGauge):
        return None
    share, unseen = sight.found.facts.get("share", {}), sight.found.facts.get("unseen", {})
    if not unseen or not ({"unseen", "new"} & sight.loud):
        return None
    known = {plain(level): level for level in sight.gauge.level_shares}
    respelt = {level: known[plain(level)] for level in unseen if plain(level) in known}
    if sum(unseen[level] for level in respelt) >= 0.5 * sum(unseen.values()):
        new = max(respelt, key=lambda level: unseen[level])
        return Cause(
            "renamed",
            f"Answers of {sight.field} are written otherwise: “{new}” instead of “{respelt[new]}” in {percent(sum(unseen.values()))} of the records. They look renamed.",
        )
    new = newest(sight)
    old = _vanished(sight.gauge, share, new, unseen[new], max(1, int((sight.values.column.codes >= 0).sum())))
    if old is None:
        return None
    return Cause(
        "renamed",
        f"“{old}” has vanished from {sight.field} and “{new}” has come in {percent(unseen[new])} of the records. It looks as if the answer was renamed.",
    )


def _vanished(gauge: CategoryGauge, share: dict[str, float], new: str, now: float, filled: int) -> str | None:
    """The known answer whose place `new`, in `now` of the records, has taken: one of nearly its name, or one that was about as common."""
    gone = {level: usual for level, usual in gauge.level_shares.items() if share.get(level, 0.0) < LITTLE * usual}
    alike = {
        level: SequenceMatcher(None, plain(level), plain(new)).ratio()
        for level in sorted(gone, key=gone.__getitem__)[-MOST_COMPARED:]
    }
    best = max(alike, key=alike.__getitem__, default=None)
    if best is not None and alike[best] >= ALIKE:
        return best
    fits = [
        level
        for level, usual in gone.items()
        if usual * filled >= LEAST_MISSED and made_room(np.array(usual), np.array(0.0), now, filled, gauge.records)
    ]
    return min(fits, key=lambda level: abs(gone[level] - now), default=None)


FINDER = Finder(60, find)
