"""Number: any notation a spreadsheet writes, with thousands marks and either decimal mark."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.types.base import NEEDED_SHARE, Evidence, FieldType, clean_text, share

PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
POINT = re.compile(r"\(?[-+]?\s*(\d{1,3}([,' \u00a0\u202f]\d{3})+|\d+)(\.\d+)?([eE][-+]?\d+)?\)?")
COMMA = re.compile(r"\(?[-+]?\s*(\d{1,3}([.' \u00a0\u202f]\d{3})+|\d+)(,\d+)?\)?")
NOT_NUMBERS = frozenset({"inf", "+inf", "-inf", "infinity", "-infinity", "nan", "#n/a", "#div/0!", "#value!", "#num!"})
MARKS = re.compile(r"[\s'\u00a0\u202f]")
CURRENCY = re.compile(r"[$€£¥₹]|\b(?:USD|EUR|GBP|CHF|JPY|INR|Rs\.?)\b", re.IGNORECASE)


def decimal_mark(values: list[str]) -> str:
    """ "," when the field can only be read so, or is read so by more values; else "."."""
    bare = [CURRENCY.sub("", value).strip().rstrip("%").strip() for value in values]
    point, comma = share(bare, POINT), share(bare, COMMA)
    return "," if comma > point else "."


def to_float(values: pd.Series, decimal: str = ".") -> pd.Series:
    """Strings to float64. Parentheses mean minus, as bookkeepers write; infinities and words become missing."""
    text = clean_text(values)
    plain = pd.to_numeric(text, errors="coerce") if decimal == "." else pd.Series(np.nan, index=text.index)
    rest = text[plain.isna() & text.notna()]
    if len(rest):
        plain = plain.astype("float64")
        plain.loc[rest.index] = pd.Series([_one(value, decimal) for value in rest], index=rest.index)
    plain = plain.astype("float64")
    return plain.where(np.isfinite(plain))


def _one(value: Any, decimal: str) -> float:
    if isinstance(value, (int, float)):
        return float(value)
    text = CURRENCY.sub("", str(value)).strip()
    if not (COMMA if decimal == "," else POINT).fullmatch(text):
        return np.nan
    negative = text.startswith("(") and text.endswith(")")
    digits = MARKS.sub("", text.strip("()"))
    digits = digits.replace(".", "").replace(",", ".") if decimal == "," else digits.replace(",", "")
    try:
        number = float(digits)
    except ValueError:
        return np.nan
    return -number if negative else number


class Number(FieldType):
    """A plain number; excel's error words count as missing."""

    name, title, icon, order, family = "number", "Number", "hash", 60, "number"

    def fits(self, evidence: Evidence) -> float:
        values = [value for value in evidence.values if value.lower() not in NOT_NUMBERS]
        if not values:
            return 0.0
        found = max(share(values, PLAIN), share(values, POINT), share(values, COMMA))
        return found if found >= NEEDED_SHARE else 0.0

    def options(self, evidence: Evidence) -> dict[str, Any]:
        return {"decimal": decimal_mark(evidence.values)}

    def parse(self, values: pd.Series, options: dict[str, Any]) -> pd.Series:
        return to_float(values, options.get("decimal", "."))


TYPE = Number()
