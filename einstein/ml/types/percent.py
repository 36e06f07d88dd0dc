"""Percent: a number followed by %."""

from __future__ import annotations

import re
from typing import Any

from einstein.ml.types.base import NEEDED_SHARE, Evidence, share
from einstein.ml.types.numbers import Number, to_number

PERCENT = re.compile(r"[-+]?\d[\d.,]*\s*%")


class Percent(Number):
    """45 % is read as 45."""

    name, title, icon, order, family = "percent", "Percent", "percent", 30, "number"

    def fits(self, evidence: Evidence) -> float:
        return share(evidence.told, PERCENT, NEEDED_SHARE)

    def parse_one(self, text: str, options: dict[str, Any]) -> float | None:
        return to_number(text.rstrip("% \u00a0\u202f"), options.get("decimal", "."))


TYPE = Percent()
