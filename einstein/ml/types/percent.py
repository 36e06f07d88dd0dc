"""Percent: a number followed by %."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from einstein.ml.types.base import NEEDED_SHARE, Evidence, clean_text, share
from einstein.ml.types.numbers import Number, to_float

PERCENT = re.compile(r"[-+]?\d[\d.,]*\s*%")


class Percent(Number):
    """45 % is read as 45."""

    name, title, icon, order, family = "percent", "Percent", "percent", 30, "number"

    def fits(self, evidence: Evidence) -> float:
        found = share(evidence.values, PERCENT)
        return found if found >= NEEDED_SHARE else 0.0

    def parse(self, values: pd.Series, options: dict[str, Any]) -> pd.Series:
        bare = clean_text(values).map(lambda value: value.rstrip("% ") if isinstance(value, str) else value)
        return to_float(bare, options.get("decimal", "."))


TYPE = Percent()
