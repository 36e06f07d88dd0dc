"""E-mail address: its domain is what can be learnt."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from einstein.ml.types.base import Evidence, FieldType, clean_text, share

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")


class Email(FieldType):
    """Parsed to its domain, in lower case."""

    name, title, icon, order, family = "email", "E-mail", "mail", 22, "category"

    def fits(self, evidence: Evidence) -> float:
        found = share(evidence.values, ADDRESS)
        return found if found >= 0.9 else 0.0

    def parse(self, values: pd.Series, options: dict[str, Any]) -> pd.Series:
        return clean_text(values).map(
            lambda value: value.rpartition("@")[2].lower() if isinstance(value, str) else value
        )


TYPE = Email()
