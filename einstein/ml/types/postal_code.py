"""Postal code: a place, not a number; leading zeros stay."""

from __future__ import annotations

import re

from einstein.ml.types.base import Evidence, FieldType, share

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 \-]{2,9}(\.0)?")


class PostalCode(FieldType):
    """Known by its name: zip, postal code, PLZ."""

    name, title, icon, order, family = "postal_code", "Postal code", "map-pin", 21, "category"

    def fits(self, evidence: Evidence) -> float:
        named = evidence.named("zip", "zipcode", "postal", "postcode", "postalcode", "plz", "cap", "codepostal")
        return 0.95 if named and share(evidence.written, CODE, 0.95) else 0.0


TYPE = PostalCode()
