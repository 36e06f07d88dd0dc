"""Dates: their parts, and how long before the newest date of the learning records they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.columns import Column
from einstein.ml.features.kinds import Kind, Rule
from einstein.ml.types.date import as_date

DAY = 86400.0
PARTS = 6  # age, year, month, day of the month, day of the week, day of the year; hour where there is one


class DateKind(Kind):
    name = "date"

    def fit(self, column: Column, targets: np.ndarray, seed: int) -> tuple[Rule, dict[str, np.ndarray]]:
        known = column.values[~np.isnan(column.values)]
        timed = bool(len(known)) and bool(np.any(known % DAY))
        return {"reference": float(known.max()) if len(known) else 0.0, "hour": timed}, {}

    def apply(self, column: Column, rule: Rule, arrays: dict[str, np.ndarray]) -> np.ndarray:
        seconds = column.values
        blank = np.isnan(seconds)
        dates = pd.DatetimeIndex((np.where(blank, 0, seconds) * 1e6).round().astype("int64").astype("datetime64[us]"))
        parts = [
            (rule["reference"] - seconds) / DAY,
            dates.year,
            dates.month,
            dates.day,
            dates.dayofweek,
            dates.dayofyear,
        ]
        if rule["hour"]:
            parts.append(dates.hour + dates.minute / 60)
        block = np.column_stack([np.asarray(part, dtype="float64") for part in parts])
        block[blank] = np.nan
        return block

    def one(self, value: Any, rule: Rule, arrays: dict[str, np.ndarray]) -> list[float]:
        if value is None:
            return [np.nan] * (PARTS + rule["hour"])
        date = as_date(value)
        parts = [
            (rule["reference"] - value) / DAY,
            date.year,
            date.month,
            date.day,
            date.weekday(),
            date.timetuple().tm_yday,
        ]
        return [*parts, date.hour + date.minute / 60] if rule["hour"] else parts
