"""E-mail address: its domain is what can be learnt."""

from __future__ import annotations

import re
from typing import Any

from einstein.ml.types.base import Evidence, FieldType, share

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
BROKEN = "(not an address)"


class Email(FieldType):
    """Parsed to its domain, in lower case; what is no address is a level of its own."""

    name, title, icon, order, family = "email", "E-mail", "mail", 22, "category"

    def fits(self, evidence: Evidence) -> float:
        return share(evidence.told, ADDRESS, 0.9)

    def parse_one(self, text: str, options: dict[str, Any]) -> str:
        return text.rpartition("@")[2].lower() if ADDRESS.fullmatch(text) else BROKEN


TYPE = Email()
