"""From fields to the numbers a model learns from. Fitted on learning records only; scoring follows the same stored rules.

What may arrive at scoring and what is done with it: an unseen category counts as "none of the known ones" and takes the
average effect; a missing field counts as blank; extra fields are ignored; the order of fields and rows does not matter.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, diags
from sklearn.decomposition import TruncatedSVD
from sklearn.model_selection import KFold

from einstein.ml.schema import FieldSpec, parse

ONE_HOT_LEVELS = 12  # up to here one column a level; above, cross-fitted target statistics
LEAST_LEVEL_COUNT = 3
SMOOTHING = 20.0  # records of the overall mean mixed into each level's mean
TEXT_BUCKETS = 4096
TEXT_COMPONENTS = 24
WORD = re.compile(r"\w\w+|[£$€!]")
FOLDS = 5


@dataclass
class Encoder:
    """Learnt rules per field, as plain JSON (`rules`) plus arrays for text (`arrays`).

    `fit_transform` returns cross-fitted features for learning; `transform` the features for scoring. Both are float64
    matrices of shape (records, len(columns)); missing is NaN. `columns[i]` is the field that feature i came from.
    """

    specs: list[FieldSpec]
    seed: int = 0
    rules: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)

    def fit_transform(self, table: pd.DataFrame, targets: np.ndarray) -> np.ndarray:
        """Learn from a table of strings and its targets, shape (records, outputs): class indicators or the number."""
        self.rules, self.columns = [], []
        blocks = []
        for spec in self.specs:
            values = parse(table[spec.name], spec)
            rule, block = self._fit_field(spec, values, targets)
            self.rules.append(rule)
            self.columns += [spec.name] * block.shape[1]
            blocks.append(block)
        return np.ascontiguousarray(np.hstack(blocks)) if blocks else np.zeros((len(table), 0))

    def transform(self, table: pd.DataFrame) -> np.ndarray:
        """Features of records to score; fields the table lacks count as blank."""
        blank = pd.Series([None] * len(table), index=table.index, dtype="object")
        blocks = []
        for spec, rule in zip(self.specs, self.rules, strict=True):
            raw = table[spec.name] if spec.name in table.columns else blank
            blocks.append(self._apply(spec, rule, parse(raw, spec)))
        return np.ascontiguousarray(np.hstack(blocks)) if blocks else np.zeros((len(table), 0))

    def to_json(self) -> dict[str, Any]:
        return {
            "specs": [spec.to_json() for spec in self.specs],
            "rules": self.rules,
            "columns": self.columns,
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Encoder:
        specs = [FieldSpec.from_json(item) for item in data["specs"]]
        return cls(specs, data["seed"], data["rules"], arrays, data["columns"])

    def _fit_field(self, spec: FieldSpec, values: pd.Series, targets: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
        if spec.family == "number":
            rule: dict[str, Any] = {"kind": "number"}
        elif spec.family == "date":
            rule = {"kind": "date", "reference": str(values.max()) if values.notna().any() else "2000-01-01"}
        elif spec.family == "text":
            rule = self._fit_text(spec, values)
        else:
            return _fit_category(values, targets, self.seed)
        return rule, self._apply(spec, rule, values)

    def _fit_text(self, spec: FieldSpec, values: pd.Series) -> dict[str, Any]:
        counts = _bucket_counts(values)
        documents = np.asarray((counts > 0).sum(axis=0)).ravel()
        idf = np.log((1 + len(values)) / (1 + documents)) + 1.0
        weighted = _normalised(counts, idf)
        size = min(TEXT_COMPONENTS, max(1, min(weighted.shape) - 1))
        svd = TruncatedSVD(size, random_state=self.seed).fit(weighted)
        self.arrays[f"{spec.name}/idf"] = idf.astype("float32")
        self.arrays[f"{spec.name}/components"] = svd.components_.astype("float32")
        return {"kind": "text"}

    def _apply(self, spec: FieldSpec, rule: dict[str, Any], values: pd.Series) -> np.ndarray:
        if rule["kind"] == "number":
            return values.to_numpy("float64").reshape(-1, 1)
        if rule["kind"] == "date":
            return _date_parts(values, pd.Timestamp(rule["reference"]))
        if rule["kind"] == "text":
            weighted = _normalised(_bucket_counts(values), self.arrays[f"{spec.name}/idf"])
            dense = np.asarray(weighted @ self.arrays[f"{spec.name}/components"].astype("float64").T)
            length = values.map(lambda value: len(value) if isinstance(value, str) else 0).to_numpy("float64")
            return np.column_stack([dense, length])
        if rule["kind"] == "one_hot":
            return _one_hot(values, rule["levels"])
        return _target_statistics(values, rule)


def _fit_category(values: pd.Series, targets: np.ndarray, seed: int) -> tuple[dict[str, Any], np.ndarray]:
    text = values.astype("object").map(lambda value: None if value is None or value != value else str(value))
    counts = text.value_counts()
    if len(counts) <= ONE_HOT_LEVELS:
        rule: dict[str, Any] = {"kind": "one_hot", "levels": sorted(str(level) for level in counts.index)}
        return rule, _one_hot(text, rule["levels"])
    rule = _learn_statistics(text, targets)
    block = _target_statistics(text, rule)
    outputs = targets.shape[1]
    for learn, hold in KFold(FOLDS, shuffle=True, random_state=seed).split(text):
        fold = _learn_statistics(text.iloc[learn], targets[learn])
        block[hold, :outputs] = _target_statistics(text.iloc[hold], fold)[:, :outputs]
    return rule, block


def _learn_statistics(text: pd.Series, targets: np.ndarray) -> dict[str, Any]:
    """Per level the smoothed mean of each target (Micci-Barreca 2001) and its share of the records."""
    prior = targets.mean(axis=0)
    codes, levels = pd.factorize(text)
    known = codes >= 0
    counts = np.bincount(codes[known], minlength=len(levels)).astype(float)
    sums = np.column_stack(
        [np.bincount(codes[known], weights=column[known], minlength=len(levels)) for column in targets.T]
    )
    means = (sums + SMOOTHING * prior) / (counts[:, None] + SMOOTHING)
    kept = np.flatnonzero(counts >= LEAST_LEVEL_COUNT)
    table = {str(levels[int(i)]): [*(float(x) for x in means[i]), float(np.log1p(counts[i]))] for i in kept}
    return {"kind": "statistics", "prior": [float(x) for x in prior], "levels": table}


def _target_statistics(values: pd.Series, rule: dict[str, Any]) -> np.ndarray:
    unseen = [*rule["prior"], 0.0]
    blank = [float("nan")] * len(unseen)
    levels = rule["levels"]
    return np.array([blank if _is_blank(v) else levels.get(str(v), unseen) for v in values], dtype="float64").reshape(
        len(values), len(unseen)
    )


def _one_hot(values: pd.Series, levels: list[str]) -> np.ndarray:
    """One 0/1 column a level; two levels need one column, in which blank is NaN."""
    text = np.array([None if _is_blank(v) else str(v) for v in values], dtype="object")
    shown = levels[1:] if len(levels) == 2 else levels
    block = (
        np.column_stack([(text == level).astype("float64") for level in shown]) if shown else np.zeros((len(text), 0))
    )
    if len(levels) == 2:
        block[np.array([value not in levels for value in text], dtype=bool), 0] = np.nan
    return block


def _is_blank(value: object) -> bool:
    return value is None or value != value


def _date_parts(values: pd.Series, reference: pd.Timestamp) -> np.ndarray:
    """Year, month, day of the week, day of the year, days before the newest learning date."""
    parts = values.dt
    age = (reference - values).dt.total_seconds() / 86400
    columns = [parts.year, parts.month, parts.dayofweek, parts.dayofyear, age]
    return np.column_stack([column.to_numpy("float64", na_value=np.nan) for column in columns])


def _bucket_counts(values: pd.Series) -> csr_matrix:
    """Sparse counts of hashed words (CRC-32, so the same in every process)."""
    indices: list[int] = []
    pointers = [0]
    for value in values:
        words = WORD.findall(value.lower()) if isinstance(value, str) else []
        indices += [zlib.crc32(word.encode()) % TEXT_BUCKETS for word in words]
        pointers.append(len(indices))
    matrix = csr_matrix((np.ones(len(indices)), indices, pointers), shape=(len(values), TEXT_BUCKETS))
    matrix.sum_duplicates()
    return matrix


def _normalised(counts: csr_matrix, idf: np.ndarray) -> csr_matrix:
    """TF-IDF with rows of length one."""
    weighted = csr_matrix(counts @ diags(idf.astype("float64")))
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return csr_matrix(diags(1.0 / np.where(lengths > 0, lengths, 1.0)) @ weighted)
