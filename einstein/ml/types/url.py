"""Web address: its host is what can be learnt."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from einstein.ml.types.base import Evidence, FieldType, share

ADDRESS = re.compile(r"(https?://|www\.)\S+", re.IGNORECASE)


class Url(FieldType):
    """Parsed to its host, in lower case."""

    name, title, icon, order, family = "url", "Web address", "link", 23, "category"

    def fits(self, evidence: Evidence) -> float:
        return share(evidence.told, ADDRESS, 0.9)

    def parse_one(self, text: str, options: dict[str, Any]) -> str | None:
        try:
            return urlsplit(text if "://" in text else f"//{text}").netloc.lower().removeprefix("www.") or None
        except ValueError:
            return None


TYPE = Url()
