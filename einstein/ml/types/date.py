"""Date and time: the format is settled on the whole field, so that 03/04 means one thing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.types.base import NEEDED_SHARE, ROUNDING, Evidence, FieldType, share

FORMATS = [
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d %H:%M:%S%z", "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y%m%dT%H%M%S",
    "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p", "%d/%m/%y", "%m/%d/%y", "%d/%m/%y %H:%M", "%m/%d/%y %H:%M", "%d-%m-%Y", "%m-%d-%Y",
    "%d-%m-%Y %H:%M", "%d-%m-%Y %H:%M:%S", "%d-%m-%y", "%m-%d-%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y",
    "%d-%b-%Y %H:%M:%S", "%b %Y", "%B %Y", "%b-%y", "%b-%Y", "%d-%b", "%Y-%m",
]  # fmt: skip
MOST_FORMATS = 4
SAMPLE = 500
NAMED_COMPACT, SERIAL = "%Y%m%d", "serial"  # only in a field that says it holds dates
HINTS = ("date", "day", "datum", "fecha", "data", "time", "created", "updated")
EXCEL_EPOCH = datetime(1899, 12, 30)
SERIALS = range(15_000, 80_000)  # 1941 to 2119
EPOCH = datetime(1970, 1, 1)
MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], start=1
    )
}
LONG = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
PIECES = {
    "%Y": r"(?P<Y>\d{4})", "%y": r"(?P<y>\d{2})", "%m": r"(?P<m>\d{1,2})", "%d": r"(?P<d>\d{1,2})", "%H": r"(?P<H>\d{1,2})", "%I": r"(?P<I>\d{1,2})",
    "%p": r"(?P<p>[AaPp]\.?[Mm]\.?)", "%M": r"(?P<M>\d{2})", "%S": r"(?P<S>\d{2})", "%f": r"(?P<f>\d{1,9})", "%b": r"(?P<b>[A-Za-z]{3,4}\.?)",
    "%B": r"(?P<B>[A-Za-z]{3,9})", "%z": r"(?P<z>Z|[+-]\d{2}:?\d{2})",
}  # fmt: skip
COMPACT = {
    "%Y%m%d": r"(?P<Y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
    "%Y%m%dT%H%M%S": r"(?P<Y>\d{4})(?P<m>\d{2})(?P<d>\d{2})T(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2})",
}
PIVOT = 69  # two-digit years: 69 to 99 are the last century's (POSIX)

# The shape every format above shares: groups of digits, or a month's English name.
# A value without it is no date, which spares forty attempts on every column of amounts and words.
SHAPE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4}.*)?|(?=.*\d).*(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec).*|\d{8}T\d{6}",
    re.IGNORECASE,
)


@lru_cache
def _compiled(pattern: str) -> re.Pattern[str]:
    if pattern in COMPACT:
        return re.compile(COMPACT[pattern])
    return re.compile(re.sub(r"%.|[^%]+", lambda part: PIECES.get(part[0]) or re.escape(part[0]), pattern))


def read_format(text: str, pattern: str) -> float | None:
    """Seconds since 1970 of one written date in one format (a zone is reckoned to UTC); None when it does not fit."""
    if pattern == SERIAL:
        return _serial(text)
    found = _compiled(pattern).fullmatch(text)
    if not found:
        return None
    parts = found.groupdict()
    month = _month(parts)
    if not month:
        return None
    hour = int(parts.get("H") or 0)
    if parts.get("p"):
        hour = int(parts["I"]) % 12 + (12 if parts["p"][0] in "pP" else 0)
    micro = int(((parts.get("f") or "") + "000000")[:6])
    try:
        when = datetime(
            _year(parts),
            month,
            int(parts.get("d") or 1),
            hour,
            int(parts.get("M") or 0),
            int(parts.get("S") or 0),
            micro,
        )
        return (when - _offset(parts.get("z")) - EPOCH).total_seconds()
    except (ValueError, OverflowError):
        return None


def _month(parts: dict[str, str | None]) -> int:
    if parts.get("m"):
        return int(parts["m"] or 0)
    name = (parts.get("b") or parts.get("B") or "").lower().rstrip(".")
    return MONTHS.get(name[:3], 0) if len(name) <= 4 or name in LONG else 0


def _year(parts: dict[str, str | None]) -> int:
    if parts.get("Y"):
        return int(parts["Y"] or 0)
    if parts.get("y"):
        short = int(parts["y"] or 0)
        return short + (1900 if short >= PIVOT else 2000)
    return 1900


def _offset(zone: str | None) -> timedelta:
    if not zone or zone == "Z":
        return timedelta(0)
    digits = zone[1:].replace(":", "")
    return (-1 if zone[0] == "-" else 1) * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))


def _serial(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return (EXCEL_EPOCH - EPOCH).total_seconds() + number * 86400 if SERIALS.start <= number < SERIALS.stop else None


class Date(FieldType):
    """Dates and date-times."""

    name, title, icon, order, family = "date", "Date", "calendar", 20, "date"

    def fits(self, evidence: Evidence) -> float:
        if not share(_sample(evidence), SHAPE, NEEDED_SHARE) and not self._named_numbers(evidence):
            return 0.0
        return 1.0 if self._formats(evidence) else 0.0

    def options(self, evidence: Evidence) -> dict[str, Any]:
        """{"formats": [...]}: the one format that reads nearly all, or a few that do so together."""
        found = self._formats(evidence)
        return {"formats": found} if found else {}

    def parse_one(self, text: str, options: dict[str, Any]) -> float | None:
        for pattern in options.get("formats", FORMATS):
            seconds = read_format(text, pattern)
            if seconds is not None:
                return seconds
        return None

    def parse(self, values: pd.Series, options: dict[str, Any]) -> pd.Series:
        seconds = self.read(values, options).values
        known = np.where(np.isnan(seconds), 0, seconds)
        stamps = (known * 1e6).round().astype("int64").astype("datetime64[us]")
        stamps[np.isnan(seconds)] = np.datetime64("NaT")
        return pd.Series(stamps, index=values.index, name=values.name)

    def _formats(self, evidence: Evidence) -> list[str]:
        return evidence.once("date formats", lambda: self._settled(evidence))

    def _settled(self, evidence: Evidence) -> list[str]:
        sample = _sample(evidence)
        if not sample:
            return []
        candidates = [*FORMATS, *self._named_numbers(evidence)]
        close = [pattern for pattern in candidates if _readable(sample, pattern, NEEDED_SHARE)]
        if not close:
            return self._together(sample)
        if len(close) == 1:
            return close
        # Several fit the sample (03/04/2024): the whole field decides, and of equals the first.
        levels = Counter(evidence.levels) or sample
        whole = {pattern: _readable(levels, pattern) for pattern in close}
        return [max(close, key=lambda pattern: whole[pattern])]

    def _together(self, sample: Counter[str]) -> list[str]:
        """Notations mixed by several systems or spreadsheets: the most telling format first, until nearly all is read."""
        chosen: list[str] = []
        rest, bearable = sample, (1 - NEEDED_SHARE) * sample.total()
        while rest.total() > bearable and len(chosen) < MOST_FORMATS:
            shares = {pattern: _readable(rest, pattern) for pattern in FORMATS}
            best = max(FORMATS, key=lambda pattern: shares[pattern])
            if not shares[best]:
                return []
            chosen.append(best)
            rest = Counter({value: count for value, count in rest.items() if read_format(value, best) is None})
        return chosen if rest.total() <= bearable else []

    @staticmethod
    def _named_numbers(evidence: Evidence) -> list[str]:
        """Eight digits or Excel's day numbers are dates only in a field that says so."""
        if not evidence.named(*HINTS):
            return []
        values = evidence.telling[:200]
        found = [NAMED_COMPACT] if all(len(value) == 8 for value in values) else []
        return found + (
            [SERIAL]
            if evidence.named("date", "datum", "fecha") and all(_serial(value) is not None for value in values)
            else []
        )


def _sample(evidence: Evidence) -> Counter[str]:
    return evidence.once("date sample", lambda: Counter(evidence.telling[:SAMPLE]))


def _readable(counts: Mapping[str, int], pattern: str, least: float = 0.0) -> float:
    """The share of values that a format reads; 0 as soon as it is sure to be less than `least`."""
    total = sum(counts.values())
    missed, bearable = 0, (1 - least) * total + ROUNDING
    for value, count in counts.items():
        if read_format(value, pattern) is None:
            missed += count
            if missed > bearable:
                return 0.0
    return (total - missed) / total


def as_date(seconds: float) -> datetime:
    """Seconds since 1970 as a date-time in UTC, without zone."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)).replace(tzinfo=None)


TYPE = Date()
