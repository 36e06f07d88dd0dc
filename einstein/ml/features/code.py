"""Short labels with codes inside, such as "C85" or "A/5 21171": the whole, the letters in front, the number inside."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np

from einstein.ml.columns import Column
from einstein.ml.features.category import ONE_HOT_LEVELS, CategoryKind, StatisticsKind
from einstein.ml.features.kinds import Kind, Rule

LETTERS, DIGITS = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")


class CodeKind(Kind):
    name, supervised = "code", True

    def fit(self, column: Column, targets: np.ndarray, seed: int) -> tuple[Rule, dict[str, np.ndarray]]:
        prefix = _prefixes(column)
        kind = _prefix_kind(prefix)
        return {
            "whole": StatisticsKind().fit(column, targets, seed)[0],
            "prefix": kind.fit(prefix, targets, seed)[0],
            "prefix_kind": kind.name,
        }, {}

    def apply(self, column: Column, rule: Rule, arrays: dict[str, np.ndarray]) -> np.ndarray:
        whole = StatisticsKind().apply(column, rule["whole"], {})
        prefix = _prefix_kind_of(rule).apply(_prefixes(column), rule["prefix"], {})
        return np.column_stack([whole, prefix, _numbers(column)])

    def one(self, value: Any, rule: Rule, arrays: dict[str, np.ndarray]) -> list[float]:
        whole = StatisticsKind().one(value, rule["whole"], {})
        if value is None:
            return [*whole, *_prefix_kind_of(rule).one(None, rule["prefix"], {}), np.nan, np.nan]
        prefix, number, length = parts_of(value)
        return [*whole, *_prefix_kind_of(rule).one(prefix, rule["prefix"], {}), number, length]

    def learn(
        self, column: Column, targets: np.ndarray, seed: int, rule: Rule, arrays: dict[str, np.ndarray]
    ) -> np.ndarray:
        whole = StatisticsKind().learn(column, targets, seed, rule["whole"], {})
        prefix = _prefix_kind_of(rule).learn(_prefixes(column), targets, seed, rule["prefix"], {})
        return np.column_stack([whole, prefix, _numbers(column)])


@lru_cache(maxsize=100_000)
def parts_of(text: str) -> tuple[str, float, float]:
    """(letters in front, last number inside or NaN, length)."""
    letters, digits = LETTERS.search(text), DIGITS.findall(text)
    return (
        (letters[0].lower() if letters else "(digits)"),
        (float(digits[-1][:15]) if digits else np.nan),
        float(len(text)),
    )


def _prefixes(column: Column) -> Column:
    found = [parts_of(level)[0] for level in column.levels]
    places = {prefix: place for place, prefix in enumerate(dict.fromkeys(found))}
    moved = np.array([places[prefix] for prefix in found] + [-1], dtype="int32")
    return Column(None, moved[column.codes], list(places))


def _numbers(column: Column) -> np.ndarray:
    table = np.array([parts_of(level)[1:] for level in column.levels] + [(np.nan, np.nan)], dtype="float64")
    return table[column.codes]


def _prefix_kind(prefix: Column) -> CategoryKind:
    return CategoryKind() if len(prefix.levels) <= ONE_HOT_LEVELS else StatisticsKind()


def _prefix_kind_of(rule: Rule) -> CategoryKind:
    return CategoryKind() if rule["prefix_kind"] == CategoryKind.name else StatisticsKind()
