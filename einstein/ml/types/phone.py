"""Phone number: whom it names cannot be learnt, but its country and whether it can be dialled at all can."""

from __future__ import annotations

import re
from typing import Any

from einstein.ml.types.base import Evidence, FieldType, share, share_where

NUMBER = re.compile(r"\+?[\d\s()./-]{6,20}")
LEAST_DIGITS, MOST_DIGITS = 6, 15  # ITU-T E.164 allows 15


class Phone(FieldType):
    """Recognised by a plus, brackets or a telling name; parsed to the start of its country code."""

    name, title, icon, order, family = "phone", "Phone", "phone", 24, "category"

    def fits(self, evidence: Evidence) -> float:
        if evidence.distinct_share <= 0.5:
            return 0.0
        found = share(evidence.told, NUMBER, 0.9)
        named = evidence.named("phone", "mobile", "tel", "telephone", "fax", "telefon")
        return found if found and (named or share_where(evidence.told, _is_marked) >= 0.5) else 0.0

    def parse_one(self, text: str, options: dict[str, Any]) -> str:
        digits = re.sub(r"\D", "", text)
        if not LEAST_DIGITS <= len(digits) <= MOST_DIGITS or not NUMBER.fullmatch(text):
            return "(cannot be dialled)"
        if text.startswith("+") or digits.startswith("00"):
            return "+" + digits.removeprefix("00")[:2]
        return "(without country)"


def _is_marked(value: str) -> bool:
    return value.startswith("+") or "(" in value


TYPE = Phone()
