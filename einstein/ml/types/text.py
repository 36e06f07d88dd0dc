"""Text: whatever is left, learnt from by its words."""

from __future__ import annotations

from einstein.ml.types.base import Evidence, FieldType


class Text(FieldType):
    """Free text; every field can be read as text."""

    name, title, icon, order, family = "text", "Text", "text-align-start", 90, "text"

    def fits(self, evidence: Evidence) -> float:
        return 0.5


TYPE = Text()
