"""Quantity: numbers with a unit, durations and ranges, such as "2 BHK", "34.46Sq. Meter", "2100 - 2850", "< 1 Year"."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import Any

from einstein.ml.types.base import BLANK_WORDS, NEEDED_SHARE, ROUNDING, Evidence, FieldType
from einstein.ml.types.numbers import CURRENCY, PLAIN, decimal_mark, to_number, without_currency

# Factor to the first unit of each line. Area in square feet, with the measures of Indian property papers.
DIMENSIONS: list[dict[str, float]] = [
    {"sqft": 1, "sqfeet": 1, "squarefeet": 1, "ft2": 1, "sqm": 10.7639, "sqmeter": 10.7639, "sqmt": 10.7639, "m2": 10.7639, "m²": 10.7639,
     "qm": 10.7639, "sqyards": 9, "sqyard": 9, "acres": 43560, "acre": 43560, "hectare": 107639, "ha": 107639, "cents": 435.56,
     "guntha": 1089, "grounds": 2400, "perch": 272.25},
    {"s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1, "min": 60, "mins": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hrs": 3600,
     "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400, "week": 604800, "weeks": 604800, "month": 2629800,
     "months": 2629800, "mo": 2629800, "yr": 31557600, "yrs": 31557600, "year": 31557600, "years": 31557600},
    {"mm": 1, "cm": 10, "m": 1000, "meter": 1000, "meters": 1000, "km": 1e6, "in": 25.4, "inch": 25.4, "inches": 25.4, "ft": 304.8, "feet": 304.8,
     "mi": 1609344, "mile": 1609344, "miles": 1609344},
    {"g": 1, "kg": 1000, "kgs": 1000, "mg": 0.001, "lb": 453.592, "lbs": 453.592, "oz": 28.3495, "t": 1e6, "ton": 1e6, "tons": 1e6},
    {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12},
]  # fmt: skip
SCALES = {"k": 1e3, "K": 1e3, "M": 1e6, "mn": 1e6, "Mn": 1e6, "mio": 1e6, "Mio": 1e6, "B": 1e9, "bn": 1e9, "Bn": 1e9, "lakh": 1e5, "lakhs": 1e5,
          "Lakh": 1e5, "Lakhs": 1e5, "Cr": 1e7, "cr": 1e7, "crore": 1e7}  # fmt: skip
NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)"
UNIT = r"[A-Za-zµ²³°%\"'][A-Za-z.µ²³°/ ]{0,18}"
LEAD = r"(?:[<>≤≥~]=?|under|over|up to|less than|more than|about|approx\.?|ca\.?)?\s*"
ONE = re.compile(rf"{LEAD}({NUMBER})\s*\+?\s*({UNIT})?\+?", re.IGNORECASE)
RANGE = re.compile(rf"({NUMBER})\s*({UNIT}?)\s*(?:-|–|to)\s*({NUMBER})\s*({UNIT})?", re.IGNORECASE)
CLOCK = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d)(?:\.\d+)?)?")
PARTS = re.compile(r"(?:(\d+)\s*d\w*)?\s*(?:(\d+)\s*h\w*)?\s*(?:(\d+)\s*m\w*)?\s*(?:(\d+)\s*s\w*)?", re.IGNORECASE)
MOST_UNITS = 12


class Quantity(FieldType):
    """Read as the number in the field's usual unit; a range as its middle. Order 55: before plain numbers, which read less."""

    name, title, icon, order, family = "quantity", "Quantity", "ruler", 55, "number"

    def fits(self, evidence: Evidence) -> float:
        if evidence.is_plain:
            return 0.0
        read: Counter[str] = Counter()
        missed, bearable = 0, (1 - NEEDED_SHARE) * len(evidence.telling) + ROUNDING
        for value, count in without_currency(evidence).items():
            if PLAIN.fullmatch(value) or to_number(value, ".") is not None or to_number(value, ",") is not None:
                continue
            if _fits(value):
                read[value] += count
                continue
            missed += count
            if missed > bearable:
                return 0.0
        return 0.9 if read and _are_units(read) else 0.0

    def options(self, evidence: Evidence) -> dict[str, Any]:
        """{"decimal", "unit"}: the unit that is in the field's name, else the most frequent one with a known size."""
        named = [word for word in evidence.words if _dimension(word) and len(word) > 1]
        units = Counter(_unit(value) for value in evidence.values if ONE.fullmatch(value))
        sized = [unit for unit, _ in units.most_common() if _dimension(unit)]
        return {
            "decimal": decimal_mark([value for value in evidence.values if PLAIN.fullmatch(value)] or ["1"]),
            "unit": next(iter(named or sized), ""),
        }

    def parse_one(self, text: str, options: dict[str, Any]) -> float | None:
        text = CURRENCY.sub("", text).strip()
        decimal, base = options.get("decimal", "."), options.get("unit", "")
        plain = to_number(text, decimal)
        if plain is not None or text.lower() in BLANK_WORDS:
            return plain
        if (found := RANGE.fullmatch(text)) and (ends := (to_number(found[1], decimal), to_number(found[3], decimal)))[
            1
        ] is not None:
            return None if ends[0] is None else (ends[0] + ends[1]) / 2 * _factor(found[4] or found[2] or "", base)
        if found := CLOCK.fullmatch(text):
            seconds = 3600 * int(found[1]) + 60 * int(found[2]) + int(found[3] or 0)
            return seconds / _factor(base, "s") if _dimension(base) is DIMENSIONS[1] else seconds / 3600
        if found := ONE.fullmatch(text):
            number = to_number(found[1], decimal)
            return None if number is None else number * _factor(found[2] or "", base)
        return _parts(text, base)


def _are_units(read: Counter[str]) -> bool:
    """Whether what stands behind the numbers is known to be units, or is at least written again and again."""
    units: Counter[str] = Counter()
    for value, count in read.items():
        if not RANGE.fullmatch(value):
            units[_unit(value)] += count
    return len(units) <= MOST_UNITS and all(
        unit in SCALES or not unit or _dimension(unit) or (len(unit) > 1 and count > 2) for unit, count in units.items()
    )


def _parts(text: str, base: str) -> float | None:
    """ "2h 30m", "1d 4h" in the field's unit of time, else in hours."""
    found = PARTS.fullmatch(text)
    if not found or not any(found.groups()):
        return None
    seconds = sum(int(part or 0) * size for part, size in zip(found.groups(), (86400, 3600, 60, 1), strict=True))
    return seconds / (_factor(base, "s") if _dimension(base) is DIMENSIONS[1] else 3600)


def _fits(value: str) -> bool:
    if found := RANGE.fullmatch(value):
        low, high = to_number(found[1]), to_number(found[3])
        return low is not None and high is not None and low <= high
    parts = PARTS.fullmatch(value)
    return bool(ONE.fullmatch(value) or CLOCK.fullmatch(value) or (parts and any(parts.groups())))


def _unit(value: str) -> str:
    found = ONE.fullmatch(value)
    return (found[2] or "").strip() if found else ""


@lru_cache(maxsize=4096)
def _dimension(unit: str) -> dict[str, float] | None:
    plain = re.sub(r"[.\s]", "", unit).lower()
    return next((sizes for sizes in DIMENSIONS if plain in sizes), None)


@lru_cache(maxsize=4096)
def _factor(unit: str, base: str) -> float:
    """What one `unit` is in units of `base`; 1 when they cannot be compared."""
    unit = unit.strip()
    if unit in SCALES and _dimension(base) is None:
        return SCALES[unit]
    sizes = _dimension(unit)
    if sizes is None or sizes is not _dimension(base):
        return 1.0
    return sizes[re.sub(r"[.\s]", "", unit).lower()] / sizes[re.sub(r"[.\s]", "", base).lower()]


TYPE = Quantity()
