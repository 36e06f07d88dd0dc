"""What a field type is, and the evidence detection looks at."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pandas as pd

NEEDED_SHARE = 0.95  # of the filled values must fit a type; the rest are shown as values to check


@dataclass(frozen=True)
class Evidence:
    """What detection sees of one field: its name, a sample of filled values as written, and how many differ.

    `values` are stripped strings; `rows` and `distinct` count filled values of the whole field.
    """

    name: str
    values: list[str]
    rows: int
    distinct: int
    words: frozenset[str] = field(default=frozenset())

    @property
    def distinct_share(self) -> float:
        return self.distinct / self.rows if self.rows else 0.0

    def named(self, *hints: str) -> bool:
        """Whether one of the words of the field's name is among `hints`."""
        return bool(self.words & set(hints))


def words_of(name: str) -> frozenset[str]:
    """The lower-case words of a field name: "customerID" and "customer_id" both hold "customer" and "id"."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return frozenset(re.findall(r"[a-z]+", spaced.lower()))


def share(values: list[str], pattern: re.Pattern[str]) -> float:
    """The share of `values` that fit `pattern` as a whole."""
    return sum(bool(pattern.fullmatch(value)) for value in values) / len(values) if values else 0.0


class FieldType:
    """One type: how it is recognised, parsed and named. Stateless; what a field needs is kept in its options."""

    name: ClassVar[str]
    title: ClassVar[str]
    icon: ClassVar[str]
    order: ClassVar[int]
    family: ClassVar[str]  # "number", "category", "text", "date" or "none": which features it becomes

    def fits(self, evidence: Evidence) -> float:
        """Confidence from 0 to 1 that the field is of this type."""
        raise NotImplementedError

    def options(self, evidence: Evidence) -> dict[str, Any]:
        """What parsing needs to know of the whole field, such as its decimal mark; JSON only."""
        return {}

    def parse(self, values: pd.Series, options: dict[str, Any]) -> pd.Series:
        """Turn strings as written into the family's values; what does not fit becomes missing. Same length and index."""
        return clean_text(values)


def clean_text(values: pd.Series) -> pd.Series:
    """Strings without outer blanks; blank becomes None, and stays None: pandas would turn it into NaN by inference."""
    return pd.Series([_clean(value) for value in values], index=values.index, dtype="object", name=values.name)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() or None
    return None if value is None or value != value else value
