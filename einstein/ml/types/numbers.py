"""Number: any notation a spreadsheet writes, with thousands marks and either decimal mark."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from einstein.ml.columns import Column, as_arrow
from einstein.ml.types.base import NEEDED_SHARE, Evidence, FieldType, share
from einstein.ml.types.base import PLAIN_NUMBER as PLAIN

POINT = re.compile(
    r"\(?[-+]?\s*(\d{1,3}([,' \u00a0\u202f]\d{2,3})*[,' \u00a0\u202f]\d{3}|\d+|(?=\.\d))(\.\d*)?([eE][-+]?\d+)?\)?"
)
COMMA = re.compile(r"\(?[-+]?\s*(\d{1,3}([.' \u00a0\u202f]\d{3})+|\d+)(,\d+)?\)?")
MARKS = re.compile(r"[\s'\u00a0\u202f]")
CURRENCY = re.compile(
    r"[$€£¥₹₽₩₺]|\b(?:USD|EUR|GBP|CHF|JPY|INR|CAD|AUD|SEK|NOK|DKK|PLN|Rs\.?)(?=\W|\d|$)|(?<=\d)\s?(?:USD|EUR|GBP|CHF)\b",
    re.IGNORECASE,
)


def decimal_mark(values: Iterable[str]) -> str:
    """ "," when the field can only be read so, or is read so by more values; else "."."""
    counts = Counter(values)
    if all(PLAIN.fullmatch(value) for value in counts):  # each reads with a point
        return "."
    bare: Counter[str] = Counter()
    for value, count in counts.items():
        bare[CURRENCY.sub("", value).strip().rstrip("%").strip()] += count
    return "," if share(bare, COMMA) > share(bare, POINT) else "."


def without_currency(evidence: Evidence) -> Counter[str]:
    """How often each telling value comes once its currency is taken off."""

    def bared() -> Counter[str]:
        if evidence.is_plain:
            return evidence.told
        bare: Counter[str] = Counter()
        for value, count in evidence.told.items():
            bare[CURRENCY.sub("", value).strip()] += count
        return bare

    return evidence.once("without currency", bared)


def to_number(text: str, decimal: str = ".") -> float | None:
    """One written number. Parentheses mean minus, as bookkeepers write; infinities and words are None."""
    if decimal == "." and PLAIN.fullmatch(text):
        return _finite(float(text))
    bare = CURRENCY.sub("", text).strip()
    if not (COMMA if decimal == "," else POINT).fullmatch(bare):
        return None
    negative = bare.startswith("(") and bare.endswith(")")
    digits = MARKS.sub("", bare.strip("()"))
    digits = digits.replace(".", "").replace(",", ".") if decimal == "," else digits.replace(",", "")
    try:
        number = float(digits)
    except ValueError:
        return None
    return _finite(-number if negative else number)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


class Number(FieldType):
    """A plain number; spreadsheet error words count as blank."""

    name, title, icon, order, family = "number", "Number", "hash", 60, "number"

    def fits(self, evidence: Evidence) -> float:
        if not evidence.telling:
            return 0.0
        if evidence.is_plain:
            return 1.0
        return max(share(evidence.told, pattern, NEEDED_SHARE) for pattern in (PLAIN, POINT, COMMA))

    def options(self, evidence: Evidence) -> dict[str, Any]:
        return {"decimal": decimal_mark(evidence.values)}

    def parse_one(self, text: str, options: dict[str, Any]) -> float | None:
        return to_number(text, options.get("decimal", "."))

    def read(self, values: pd.Series, options: dict[str, Any]) -> Column:
        """Plainly written fields are cast whole by Arrow, whose parser rounds as Python's does; others value by value."""
        if options.get("decimal", ".") == "." and type(self).parse_one is Number.parse_one:
            try:
                numbers = (
                    pc.cast(as_arrow(values), pa.float64()).to_numpy(zero_copy_only=False)
                    if len(values)
                    else np.zeros(0)
                )
                return Column(np.where(np.isfinite(numbers), numbers, np.nan))
            except pa.ArrowInvalid:
                pass
        return super().read(values, options)


TYPE = Number()
