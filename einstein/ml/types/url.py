"""Web address: its host is what can be learnt."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from einstein.ml.types.base import Evidence, FieldType, clean_text, share

ADDRESS = re.compile(r"(https?://|www\.)\S+", re.IGNORECASE)


class Url(FieldType):
    """Parsed to its host, in lower case."""

    name, title, icon, order, family = "url", "Web address", "link", 23, "category"

    def fits(self, evidence: Evidence) -> float:
        found = share(evidence.values, ADDRESS)
        return found if found >= 0.9 else 0.0

    def parse(self, values: pd.Series, options: dict[str, Any]) -> pd.Series:
        return clean_text(values).map(_host)


def _host(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return urlsplit(value if "://" in value else f"//{value}").netloc.lower() or None
    except ValueError:
        return None


TYPE = Url()
