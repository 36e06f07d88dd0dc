"""The tables the streams are drawn from, each split into a reference and a pool, with the scores of a model fitted on a part of the reference."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd

DATA = Path(os.environ.get("BENCH_DATA", "bench/data"))
SCORE = "score"
REFERENCE = 6000  # records at most
TREES = 60


@dataclass
class Subject:
    """One table: `reference` with scores, `pool` without, and how to score records of it."""

    name: str
    reference: pd.DataFrame
    pool: pd.DataFrame
    model: lightgbm.Booster
    answers: dict[str, pd.Index]
    key: str | None

    def score(self, table: pd.DataFrame) -> np.ndarray:
        return self.model.predict(_coded(table, self.answers, self.key), num_threads=1)

    @property
    def fields(self) -> list[str]:
        return [name for name in self.pool.columns if name != self.key]

    def numbers(self) -> list[str]:
        """Fields of numbers with a spread worth breaking."""
        return [
            name
            for name in self.fields
            if pd.api.types.is_numeric_dtype(self.pool[name]) and self.pool[name].nunique() > 15
        ]

    def categories(self) -> list[str]:
        return [
            name for name in self.fields if self.pool[name].dtype == object and 2 <= self.pool[name].nunique() <= 60
        ]


def names() -> list[str]:
    return [entry["name"] for entry in _manifest()]


@lru_cache
def subject(name: str, seed: int) -> Subject:
    """A table split at random; the model learns from a third, the reference is another third or more, the pool the rest."""
    entry = next(entry for entry in _manifest() if entry["name"] == name)
    table = pd.read_csv(
        DATA / entry["file"],
        sep=entry["separator"],
        encoding=entry["encoding"],
        names=entry.get("names"),
        low_memory=False,
    )
    table = table.rename(columns=lambda column: str(column).strip())
    target = table[entry["target"]]
    table = table.drop(columns=[entry["target"], *[c for c in entry["leakage_columns"] if c in table]])
    for column in table.columns:
        if not pd.api.types.is_numeric_dtype(table[column]):
            table[column] = table[column].astype(object)
    y = (
        target.to_numpy(dtype=float)
        if entry["task"] == "regression"
        else _is(target, entry["positive_class"] or target.mode()[0])
    )
    order = np.random.default_rng(seed).permutation(len(table))
    third = len(table) // 3
    learn, rest = order[:third], order[third:]
    cut = min(REFERENCE, len(rest) // 2)
    answers = {
        column: pd.Index(table[column].dropna().astype(str).unique())
        for column in table.columns
        if table[column].dtype == object
    }
    settings = {
        "objective": "regression" if entry["task"] == "regression" else "binary",
        "verbosity": -1,
        "num_leaves": 15,
        "min_data_in_leaf": 20,
        "seed": seed,
        "num_threads": 1,  # two that wait for one another on busy cores take ten times as long
    }
    key = next((column for column in entry["id_columns"] if column in table and table[column].is_unique), None)
    model = lightgbm.train(settings, lightgbm.Dataset(_coded(table.iloc[learn], answers, key), y[learn]), TREES)
    made = Subject(
        name,
        table.iloc[rest[:cut]].reset_index(drop=True),
        table.iloc[rest[cut:]].reset_index(drop=True),
        model,
        answers,
        key,
    )
    made.reference[SCORE] = made.score(made.reference)
    return made


def _is(target: pd.Series, answer: object) -> np.ndarray:
    """1.0 where the target is the answer, which the manifest writes as text."""
    if pd.api.types.is_numeric_dtype(target):
        return (target == float(answer)).to_numpy(dtype=float)
    return (target.astype(str) == str(answer)).to_numpy(dtype=float)


def _coded(table: pd.DataFrame, answers: dict[str, pd.Index], key: str | None) -> np.ndarray:
    columns = []
    for name in table.columns:
        if name in {SCORE, key}:
            continue
        if name in answers:
            columns.append(answers[name].get_indexer(table[name].astype(str)).astype(float))
        else:
            columns.append(pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float))
    return np.column_stack(columns)


@lru_cache
def _manifest() -> list[dict]:
    return json.loads((DATA / "manifest.json").read_text())
