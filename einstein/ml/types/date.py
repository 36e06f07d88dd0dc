"""Date and time: the format is settled on the whole field, so that 03/04 means one thing."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pandas as pd

from einstein.ml.types.base import NEEDED_SHARE, Evidence, FieldType, clean_text, share

FORMATS = [
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S%z", "%Y/%m/%d", "%Y%m%dT%H%M%S", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%y",
    "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%y", "%m/%d/%y", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y",
    "%m-%d-%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b-%y", "%d-%b",
]  # fmt: skip
MOST_FORMATS = 4
NAMED_COMPACT = "%Y%m%d"  # eight digits are a date only in a field that says so

# The shape every format above shares: three groups of digits, a month's English name, or ISO 8601's compact notation.
# A value without it is no date, which spares thirty attempts on every column of amounts and words.
SHAPE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*|(?=.*\d).*(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec).*|\d{8}T\d{6}",
    re.IGNORECASE,
)


def parse_format(values: pd.Series, pattern: str) -> pd.Series:
    """Timestamps without zone; what does not fit is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = pd.to_datetime(values, format=pattern, errors="coerce", utc=pattern.endswith(("z", "Z")))
    return parsed.dt.tz_localize(None) if getattr(parsed.dt, "tz", None) is not None else parsed


class Date(FieldType):
    """Dates and date-times."""

    name, title, icon, order, family = "date", "Date", "calendar", 20, "date"

    def fits(self, evidence: Evidence) -> float:
        if share(evidence.values[:500], SHAPE) < NEEDED_SHARE and not self._compact(evidence):
            return 0.0
        return 1.0 if self.options(evidence) else 0.0

    def options(self, evidence: Evidence) -> dict[str, Any]:
        """{"formats": [...]}: the one format that reads nearly all, or a few that do so together."""
        sample = pd.Series(evidence.values[:500], dtype="object")
        best, best_share = [], 0.0
        remaining = sample
        for pattern in [*FORMATS, *([NAMED_COMPACT] if self._compact(evidence) else [])]:
            read = parse_format(remaining, pattern).notna()
            if read.mean() >= NEEDED_SHARE and read.mean() > best_share:
                best, best_share = [pattern], float(read.mean())
            if best_share == 1.0:
                break
        return {"formats": best} if best else self._together(sample)

    def parse(self, values: pd.Series, options: dict[str, Any]) -> pd.Series:
        text = clean_text(values)
        result = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
        for pattern in options.get("formats", FORMATS[:8]):
            open_rows = result.isna() & text.notna()
            if open_rows.any():
                result.loc[open_rows] = parse_format(text[open_rows], pattern).astype("datetime64[us]")
        return result

    def _together(self, sample: pd.Series) -> dict[str, Any]:
        """Notations mixed by several systems or spreadsheets: the most telling format first, until nearly all is read."""
        chosen: list[str] = []
        rest = sample
        while len(rest) > (1 - NEEDED_SHARE) * len(sample) and len(chosen) < MOST_FORMATS:
            counts = {pattern: int(parse_format(rest, pattern).notna().sum()) for pattern in FORMATS}
            best = max(FORMATS, key=lambda pattern: counts[pattern])
            if not counts[best]:
                return {}
            chosen.append(best)
            rest = rest[parse_format(rest, best).isna()]
        return {"formats": chosen}

    @staticmethod
    def _compact(evidence: Evidence) -> bool:
        return evidence.named("date", "day", "datum", "fecha") and all(
            len(value) == 8 for value in evidence.values[:20]
        )


TYPE = Date()
