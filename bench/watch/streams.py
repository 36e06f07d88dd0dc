"""Clean streams: days drawn from a table's pool, each day a little different, some with a weekly rhythm, some with harmless changes."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.watch.tables import SCORE, Subject

WEEKEND = {5, 6}
BUSY = 1.3  # a stream's largest day, in usual ones
HARMLESS = ["none", "row order", "extra column", "int to float", "column order"]


@dataclass(frozen=True)
class Plan:
    """How a stream is drawn: `wander` is how much days differ (sd of the log weight per sd of a field), `carry` how much of it stays till tomorrow."""

    table: str
    rows: int
    days: int
    seed: int
    wander: float = 0.0
    carry: float = 0.0
    weekly: bool = False
    harmless: str = "none"


def days_of(plan: Plan, subject: Subject) -> list[pd.DataFrame]:
    """The clean days with their scores."""
    random = np.random.default_rng([plan.seed, plan.rows, len(plan.table)])
    directions = _directions(subject, random)
    state = random.normal(0, plan.wander, directions.shape[1])
    weekend = random.normal(0, plan.wander + 0.1, directions.shape[1])
    again = plan.rows * BUSY > len(subject.pool) // 2
    found = []
    for day in range(plan.days):
        fresh = random.normal(0, plan.wander, directions.shape[1])
        state = plan.carry * state + np.sqrt(1 - plan.carry**2) * fresh
        off = plan.weekly and day % 7 in WEEKEND
        tilt = directions @ (state + weekend * 0.5 * off)
        rows = max(20, round(plan.rows * (0.45 if off else 1.0) * float(np.exp(random.normal(0, 0.06)))))
        table = _draw(subject.pool, rows, tilt, again, random)
        if again and subject.key is not None:
            table[subject.key] = _named_apart(table[subject.key], random)
        table[SCORE] = subject.score(table)
        found.append(_changed(table, plan.harmless, random))
    return found


def _directions(subject: Subject, random: np.random.Generator) -> np.ndarray:
    """Each record's place along a few random directions of its fields, (records, directions), in standard deviations."""
    codes = subject.pool[subject.fields].apply(
        lambda column: (
            column.rank()
            if pd.api.types.is_numeric_dtype(column)
            else pd.Series(pd.factorize(column)[0], index=column.index)
        )
    )
    values = codes.fillna(0).to_numpy(dtype=float)
    values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
    values = np.clip(values, -2.5, 2.5)
    count = min(4, values.shape[1])
    mix = np.zeros((values.shape[1], count))
    for place in range(count):
        chosen = random.choice(values.shape[1], min(3, values.shape[1]), replace=False)
        mix[chosen, place] = random.normal(0, 1, len(chosen)) / np.sqrt(len(chosen))
    loads = np.sqrt((mix**2).sum(axis=1)).max()
    return values @ (mix / loads)  # the field that wanders most wanders by the plan's figure


def _draw(pool: pd.DataFrame, rows: int, tilt: np.ndarray, again: bool, random: np.random.Generator) -> pd.DataFrame:
    """Records by weight: without putting back (Gumbel's top k; Efraimidis and Spirakis 2006), or one may be drawn `again`."""
    if not again:
        chosen = np.argpartition(-(tilt + random.gumbel(size=len(pool))), rows)[:rows]
    else:
        weights = np.exp(tilt - tilt.max())
        chosen = random.choice(len(pool), rows, p=weights / weights.sum())
    return pool.iloc[chosen].reset_index(drop=True)


def _named_apart(names: pd.Series, random: np.random.Generator) -> pd.Series:
    """Where a record may be drawn again it is another record, so all names get other digits."""
    names, apart = names.copy(), len(str(len(names)))
    again = np.ones(len(names), dtype=bool)
    while again.any():
        if pd.api.types.is_numeric_dtype(names):
            fresh = random.integers(names.max(), 10 ** (apart + len(str(int(names.max())))), again.sum())
        else:
            fresh = [re.sub(r"\d", lambda _: str(random.integers(10)), name) for name in names[again]]
        names[again] = fresh
        again = names.duplicated().to_numpy()
    return names


def _changed(table: pd.DataFrame, harmless: str, random: np.random.Generator) -> pd.DataFrame:
    if harmless == "row order":
        return table.sort_values(table.columns[0], kind="stable", key=lambda column: column.astype(str)).reset_index(
            drop=True
        )
    if harmless == "extra column":
        return table.assign(loaded_by="nightly", run=random.integers(0, 1000))
    if harmless == "column order":
        return table[list(table.columns[::-1])]
    if harmless == "int to float":
        whole = [name for name in table.columns if pd.api.types.is_integer_dtype(table[name])]
        return table.astype(dict.fromkeys(whole, "float64"))
    return table
