"""Id: a field that names the record. Nothing can be learnt from it, but it is the natural key."""

from __future__ import annotations

import re

from einstein.ml.types.base import Evidence, FieldType, share, share_where
from einstein.ml.types.numbers import PLAIN

CODE = re.compile(r"[\w.\-:/#]+")
WHOLE = re.compile(r"\d+")
ENOUGH = 20  # distinct values before "all differ" says anything


class Identifier(FieldType):
    """Codes that (nearly) all differ, or whole numbers in a field named id, key, number."""

    name, title, icon, order, family = "id", "Id", "key-round", 25, "none"

    def fits(self, evidence: Evidence) -> float:
        if evidence.rows < ENOUGH or evidence.distinct_share < 0.98:
            return 0.0
        named = evidence.named(
            "id", "ids", "key", "uuid", "guid", "number", "no", "nr", "index", "unnamed", "column", "code"
        )
        if share(evidence.written, WHOLE, 1.0):
            return 0.95 if named or evidence.distinct == evidence.rows and _counts_up(evidence.values) else 0.0
        if share(evidence.written, PLAIN, 0.5) > 0.5 or not share(evidence.written, CODE, 1.0):
            return 0.0
        return 0.95 if named or share_where(evidence.written, _holds_a_digit) > 0.8 else 0.0


def _holds_a_digit(value: str) -> bool:
    return any(character.isdigit() for character in value)


def _counts_up(values: list[str]) -> bool:
    numbers = [int(value) for value in values[:1000]]
    return all(0 < later - earlier <= 2 for earlier, later in zip(numbers, numbers[1:], strict=False))


TYPE = Identifier()
