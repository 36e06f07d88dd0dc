"""All fields of a table to one matrix, by rules learnt from the learning records only."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.columns import Column
from einstein.ml.features.category import ONE_HOT_LEVELS, CategoryKind, StatisticsKind
from einstein.ml.features.code import CodeKind
from einstein.ml.features.date import DAY, DateKind
from einstein.ml.features.kinds import Kind
from einstein.ml.features.number import NumberKind
from einstein.ml.features.text import TextKind
from einstein.ml.schema import FieldSpec, read_column
from einstein.ml.types import field_type

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (NumberKind(), DateKind(), CategoryKind(), StatisticsKind(), CodeKind(), TextKind())
}
MOST_DATES = 5  # fields between each two of which the days are counted
CODE_LENGTH = 20  # mean length up to which a field of ever different texts with digits is taken for codes
LEAST_DIGITS = 0.5  # of its values


def read_columns(table: pd.DataFrame, specs: list[FieldSpec]) -> dict[str, Column]:
    """Each field read once by its type; one the table lacks is blank in every record."""
    nothing = pd.Series([None] * len(table), index=table.index, dtype="object")
    return {spec.name: read_column(table[spec.name] if spec.name in table.columns else nothing, spec) for spec in specs}


@dataclass
class Encoder:
    """Learnt rules per field, as plain JSON (`rules`) plus arrays for text (`arrays`).

    Matrices are float32 of shape (records, len(owners)); missing is NaN. `owners[i]` names the fields feature i came from: one,
    or two for the days between two dates.
    """

    specs: list[FieldSpec]
    seed: int = 0
    rules: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    owners: list[list[str]] = field(default_factory=list)

    @property
    def fields(self) -> list[str]:
        return [spec.name for spec in self.specs]

    @property
    def groups(self) -> list[int]:
        """The features that are numbers of levels: names, not amounts."""
        names = {spec.name for spec, rule in zip(self.specs, self.rules, strict=True) if rule["kind"] == "statistics"}
        last = {owners[0]: number for number, owners in enumerate(self.owners) if len(owners) == 1}
        return sorted(last[name] for name in names)

    def fit_transform(self, columns: dict[str, Column], targets: np.ndarray) -> np.ndarray:
        """Learn from the columns and (records, outputs) targets; the features to learn a model from, cross-fitted."""
        self.rules, self.arrays, self.owners, blocks = [], {}, [], []
        for number, spec in enumerate(self.specs):
            column = columns[spec.name]
            kind = KINDS[kind_of(spec, column)]
            rule, arrays = kind.fit(column, targets, self.seed)
            self.rules.append({"kind": kind.name} | rule)
            self.arrays |= {f"{number}/{name}": array for name, array in arrays.items()}
            blocks.append(kind.learn(column, targets, self.seed, rule, arrays))
            self.owners += [[spec.name]] * blocks[-1].shape[1]
        between = self._between(columns)
        self.owners += [list(pair) for pair in self._date_pairs()]
        return _stacked([*blocks, between], len(targets))

    def transform(self, columns: dict[str, Column]) -> np.ndarray:
        """Features of records to score."""
        blocks = [
            KINDS[rule["kind"]].apply(columns[spec.name], rule, self._arrays_of(number))
            for number, (spec, rule) in enumerate(zip(self.specs, self.rules, strict=True))
        ]
        return _stacked([*blocks, self._between(columns)], len(next(iter(columns.values()))) if columns else 0)

    def transform_table(self, table: pd.DataFrame) -> np.ndarray:
        """Features of a table of values as written."""
        return (
            self.transform(read_columns(table, self.specs))
            if len(table)
            else np.zeros((0, len(self.owners)), dtype="float32")
        )

    def transform_one(self, record: dict[str, Any]) -> np.ndarray:
        """Features of one record as written, shape (1, features): the same numbers as in a table, without its overhead."""
        features: list[float] = []
        seconds: dict[str, float] = {}
        for number, (spec, rule) in enumerate(zip(self.specs, self.rules, strict=True)):
            text = record.get(spec.name)
            text = text.strip() if isinstance(text, str) else None if text is None or text != text else str(text)
            value = field_type(spec.type).parse_one(text, spec.options) if text else None
            value = None if value == "" else value
            features += KINDS[rule["kind"]].one(value, rule, self._arrays_of(number))
            if rule["kind"] == "date":
                seconds[spec.name] = np.nan if value is None else value
        features += [(seconds[second] - seconds[first]) / DAY for first, second in self._date_pairs()]
        return np.array([features], dtype="float32")

    def to_json(self) -> dict[str, Any]:
        return {
            "specs": [spec.to_json() for spec in self.specs],
            "rules": self.rules,
            "owners": self.owners,
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Encoder:
        return cls(
            [FieldSpec.from_json(item) for item in data["specs"]], data["seed"], data["rules"], arrays, data["owners"]
        )

    def _arrays_of(self, number: int) -> dict[str, np.ndarray]:
        if self.rules[number]["kind"] != "text":
            return {}
        return {name: self.arrays[f"{number}/{name}"] for name in ("idf", "topics", "said")}

    def _date_pairs(self) -> list[tuple[str, str]]:
        dates = [spec.name for spec, rule in zip(self.specs, self.rules, strict=True) if rule["kind"] == "date"]
        return list(combinations(dates, 2)) if len(dates) <= MOST_DATES else []

    def _between(self, columns: dict[str, Column]) -> np.ndarray:
        """Days from each date to each later one."""
        found = [(columns[second].numbers - columns[first].numbers) / DAY for first, second in self._date_pairs()]  # type: ignore[operator]
        return np.column_stack(found) if found else np.zeros((len(next(iter(columns.values()))) if columns else 0, 0))


def kind_of(spec: FieldSpec, column: Column) -> str:
    """Which kind of feature a field becomes."""
    if spec.family in {"number", "date"}:
        return spec.family
    code = is_code(column)
    if spec.family == "text" and not code:
        return "text"
    if len(np.unique(column.codes[column.codes >= 0])) <= ONE_HOT_LEVELS:
        return "category"
    return "code" if code else "statistics"


def is_code(column: Column) -> bool:
    """Short labels most of which hold a digit."""
    sample = column.levels[:: max(1, len(column.levels) // 500)]
    if not sample or sum(map(len, sample)) > CODE_LENGTH * len(sample):
        return False
    return sum(any(sign.isdigit() for sign in level) for level in sample) >= LEAST_DIGITS * len(sample)


def _stacked(blocks: list[np.ndarray], count: int) -> np.ndarray:
    width = sum(block.shape[1] for block in blocks)
    whole = np.empty((count, width), dtype="float32")
    place = 0
    with np.errstate(over="ignore"):
        for block in blocks:
            whole[:, place : place + block.shape[1]] = block
            place += block.shape[1]
    whole[np.isinf(whole)] = np.nan
    return whole
