"""What a field type is, and the evidence detection looks at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from einstein.ml.columns import Column, text_codes, text_of

NEEDED_SHARE = 0.95  # of the filled values must fit a type; the rest are shown as values to check
ROUNDING = 1e-9
PLAIN_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
# How people and programs write "there is nothing here" in a field of numbers or dates.
BLANK_WORDS = frozenset(
    {"na", "n/a", "n.a.", "nan", "null", "none", "nil", "-", "--", "?", ".", "unknown", "missing", "not available", "not known",
     "(blank)", "#n/a", "#na", "#value!", "#ref!", "#div/0!", "#num!", "#name?", "#null!", "inf", "+inf", "-inf", "infinity",
     "-infinity", "keine angabe", "k.a.", "unbekannt", "inconnu", "desconocido"}
)  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """What detection sees of one field: its name, a sample of filled values as written, and how many differ.

    `values` are stripped strings; `rows` and `distinct` count filled values of the whole field, `levels` are its different
    values. What several types ask of it is worked out once.
    """

    name: str
    values: list[str]
    rows: int
    distinct: int
    words: frozenset[str] = field(default=frozenset())
    levels: list[str] = field(default_factory=list)

    @property
    def distinct_share(self) -> float:
        return self.distinct / self.rows if self.rows else 0.0

    @cached_property
    def telling(self) -> list[str]:
        """The sample without the words that mean "blank"."""
        return [value for value in self.values if value.lower() not in BLANK_WORDS]

    @cached_property
    def written(self) -> Counter[str]:
        """How often each value of the sample comes."""
        return Counter(self.values)

    @cached_property
    def told(self) -> Counter[str]:
        """How often each telling value comes."""
        return Counter(self.telling)

    @cached_property
    def is_plain(self) -> bool:
        """Whether every telling value is a plainly written number."""
        return all(PLAIN_NUMBER.fullmatch(value) for value in self.told)

    def once(self, name: str, work_out: Callable[[], Any]) -> Any:
        """What `work_out` returns, worked out at the first call under this name."""
        known = self.__dict__.setdefault("_known", {})
        if name not in known:
            known[name] = work_out()
        return known[name]

    def named(self, *hints: str) -> bool:
        """Whether one of the words of the field's name is among `hints`."""
        return bool(self.words & set(hints))


def words_of(name: str) -> frozenset[str]:
    """The lower-case words of a field name: "customerID" and "customer_id" both hold "customer" and "id"."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return frozenset(re.findall(r"[a-z]+", spaced.lower()))


def share(counts: Mapping[str, int], pattern: re.Pattern[str], least: float = 0.0) -> float:
    """The share of counted values that fit `pattern` as a whole; 0 as soon as it is sure to be less than `least`."""
    total = sum(counts.values())
    missed, bearable = 0, (1 - least) * total + ROUNDING
    for value, count in counts.items():
        if not pattern.fullmatch(value):
            missed += count
            if missed > bearable:
                return 0.0
    return (total - missed) / total if total else 0.0


def share_where(counts: Mapping[str, int], test: Callable[[str], object]) -> float:
    """The share of counted values that pass a test."""
    total = sum(counts.values())
    return sum(count for value, count in counts.items() if test(value)) / total if total else 0.0


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

    def parse_one(self, text: str, options: dict[str, Any]) -> Any:
        """One stripped, filled value: a float for numbers, seconds since 1970 for dates, a text for the rest; None when it does not fit."""
        return text

    def read(self, values: pd.Series, options: dict[str, Any]) -> Column:
        """A whole field as written, shape (records,), each different value parsed once."""
        codes, levels = text_codes(values)
        parsed = [self.parse_one(level, options) for level in levels]
        if self.family in {"number", "date"}:
            numbers = np.array([np.nan if value is None else value for value in parsed] + [np.nan], dtype="float64")
            return Column(numbers[codes])
        return _merged(codes, parsed)

    def parse(self, values: pd.Series, options: dict[str, Any]) -> pd.Series:
        """Strings as written into a series of the family's values; what does not fit is missing. Same length and index."""
        column = self.read(values, options)
        if column.numbers is not None:
            return pd.Series(column.numbers, index=values.index, name=values.name)
        return pd.Series(text_of(column.codes, column.levels), index=values.index, name=values.name, dtype="object")


def _merged(codes: np.ndarray, parsed: list[str | None]) -> Column:
    """Several texts may mean the same level (two addresses of one domain)."""
    places = {value: place for place, value in enumerate(dict.fromkeys(value for value in parsed if value))}
    moved = np.array([places[value] if value else -1 for value in parsed] + [-1], dtype="int32")
    return Column(None, moved[codes], list(places))


def clean_text(values: pd.Series) -> pd.Series:
    """Strings without outer blanks; blank becomes None, and stays None: pandas would turn it into NaN by inference."""
    return pd.Series(text_of(*text_codes(values)), index=values.index, dtype="object", name=values.name)
