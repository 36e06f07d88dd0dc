"""Category: a limited set of answers."""

from __future__ import annotations

from einstein.ml.types.base import Evidence, FieldType

MOST_LEVELS, MOST_SHARE, LONGEST = 50, 0.2, 80


class Category(FieldType):
    """Few answers, or answers that come again and again."""

    name, title, icon, order, family = "category", "Category", "tag", 70, "category"

    def fits(self, evidence: Evidence) -> float:
        length = sum(map(len, evidence.values)) / len(evidence.values)
        if length > LONGEST:
            return 0.0
        return 0.8 if evidence.distinct <= MOST_LEVELS or evidence.distinct_share <= MOST_SHARE else 0.0


TYPE = Category()
