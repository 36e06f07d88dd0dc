"""An answer under another name, or written otherwise."""

from __future__ import annotations

import numpy as np

from einstein.ml.watch.causes.base import Cause, Finder, Sight
from einstein.ml.watch.causes.unseen import newest
from einstein.ml.watch.gauges.category import CategoryGauge
from einstein.ml.watch.wording import percent, plain

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
    filled = max(1, int((sight.values.column.codes >= 0).sum()))
    new = newest(sight)
    gone = {
        level: usual
        for level, usual in sight.gauge.level_shares.items()
        if share.get(level, 0.0) < 0.2 * usual and usual * filled >= LEAST_MISSED
    }
    near = min(gone, key=lambda level: abs(gone[level] - unseen[new]), default=None)
    if near is not None and abs(gone[near] - unseen[new]) < max(0.25 * gone[near], 3 * np.sqrt(gone[near] / filled)):
        return Cause(
            "renamed",
            f"“{near}” has vanished from {sight.field} and “{new}” has come in {percent(unseen[new])} of the records. It looks as if the answer was renamed.",
        )
    return None


FINDER = Finder(60, find)
