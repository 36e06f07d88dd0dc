"""Phone number: a name of a person, nothing to learn from."""

from __future__ import annotations

import re

from einstein.ml.types.base import Evidence, FieldType, share

NUMBER = re.compile(r"\+?[\d\s()./-]{6,20}")


class Phone(FieldType):
    """Recognised by a plus, brackets or a telling name; else it is a number."""

    name, title, icon, order, family = "phone", "Phone", "phone", 24, "none"

    def fits(self, evidence: Evidence) -> float:
        found = share(evidence.values, NUMBER)
        marked = sum(value.startswith("+") or "(" in value for value in evidence.values) >= 0.5 * len(evidence.values)
        named = evidence.named("phone", "mobile", "tel", "telephone", "fax", "telefon")
        return found if found >= 0.9 and evidence.distinct_share > 0.5 and (marked or named) else 0.0


TYPE = Phone()
