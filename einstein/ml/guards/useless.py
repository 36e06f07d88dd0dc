"""Fields that tell no records apart, or nothing but which record it is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from einstein.ml.guards.base import Finding, Guard, Subject

LEAST_FILL = 0.001


class Useless(Guard):
    name, title, order = "useless", "Nothing to learn from", 10
    source = "TransmogrifAI SanityChecker: fill below 0.1 %, no variance"

    def look(self, subject: Subject) -> Iterable[Finding]:
        for spec, column in list(subject.fields):
            filled = int((~column.blank).sum())
            if filled < max(1, LEAST_FILL * len(column)):
                yield Finding(spec.name, "empty", True, "It is blank in (nearly) every record.")
            elif filled == len(column) and _only(column) is not None:
                yield Finding(
                    spec.name, "constant", True, f"It is {_only(column)} in every record, so it tells none apart."
                )
            elif spec.type == "id":
                yield Finding(spec.name, "id", True, "It names the record; a model would only memorise it.")
            elif spec.family == "none":
                yield Finding(spec.name, "contact", True, "It names a person; there is nothing to learn from it.")


def _only(column) -> str | None:  # type: ignore[no-untyped-def]
    if column.numbers is not None:
        return f"{column.numbers[0]:g}" if np.ptp(column.numbers) == 0 else None
    return column.levels[column.codes[0]][:60] if len(np.unique(column.codes)) == 1 else None


GUARD = Useless()
