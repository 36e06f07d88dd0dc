"""Fields that say the same in every record: one of them is enough, and reasons would be split between them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

from einstein.ml.columns import Column
from einstein.ml.guards.base import Finding, Guard, Subject


class Twins(Guard):
    name, title, order = "twins", "The same as another field", 60
    source = "TransmogrifAI SanityChecker drops fields that correlate 0.99; only exact copies are dropped here, as they lose nothing"

    def look(self, subject: Subject) -> Iterable[Finding]:
        seen: dict[bytes, str] = {}
        for spec, column in subject.fields:
            first = seen.setdefault(_content(column), spec.name)
            if first != spec.name:
                yield Finding(
                    spec.name, "twin", True, f"It says the same as {first} in every record; one of them is enough."
                )


def _content(column: Column) -> bytes:
    """A hash of the values: of numbers themselves, of texts as places of first use together with the texts."""
    if column.numbers is not None:
        return hashlib.sha256(column.numbers.tobytes()).digest()
    codes, uniques = pd.factorize(column.codes)
    texts = "\x00".join(column.levels[code] for code in uniques if code >= 0)
    return hashlib.sha256(np.asarray(codes, dtype="int32").tobytes() + texts.encode()).digest()


GUARD = Twins()
