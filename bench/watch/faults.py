"""Faults: each takes a clean day and breaks it. `field` faults name the field they broke; `gross` ones must be caught at any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.watch.tables import SCORE, Subject

Random = np.random.Generator
LEAST_HELD = 5


@dataclass(frozen=True)
class Fault:
    """`break_it(day, subject, field, random, earlier)`; `needs` says which fields it can break."""

    name: str
    break_it: Callable[..., pd.DataFrame]
    needs: str = "any"  # "any", "number", "category", "score", "batch", "numbers", "categories", "date"
    gross: bool = False
    mild: bool = False
    says: tuple[str, ...] = ()  # words of which the message must hold one


def _put(day: pd.DataFrame, field: str, values: object) -> pd.DataFrame:
    day = day.copy()
    day[field] = values
    return day


def _some(day: pd.DataFrame, random: Random, share: float) -> np.ndarray:
    return random.random(len(day)) < share


def _times(factor: float) -> Callable[..., pd.DataFrame]:
    return lambda day, subject, field, random, earlier: _put(day, field, day[field] * factor)


def _missing(share: float) -> Callable[..., pd.DataFrame]:
    return lambda day, subject, field, random, earlier: _put(
        day, field, day[field].where(~_some(day, random, share), None)
    )


def _constant(day, subject, field, random, earlier):
    return _put(day, field, day[field].dropna().iloc[0] if day[field].notna().any() else 0)


def _sentinel(day, subject, field, random, earlier):
    return _put(day, field, day[field].astype("float64").where(~_some(day, random, 0.08), -999))


def _plus(sds: float) -> Callable[..., pd.DataFrame]:
    return lambda day, subject, field, random, earlier: _put(day, field, day[field] + sds * subject.pool[field].std())


def _wider(day, subject, field, random, earlier):
    middle = subject.pool[field].mean()
    return _put(day, field, middle + 2.5 * (day[field] - middle))


def _outliers(day, subject, field, random, earlier):
    return _put(
        day, field, day[field].astype("float64").where(~_some(day, random, 0.04), subject.pool[field].max() * 50 + 1000)
    )


def _renamed(rank: int) -> Callable[..., pd.DataFrame]:
    def rename(day, subject, field, random, earlier):
        counts = subject.reference[field].value_counts(normalize=True)
        level = counts.index[0] if rank == 0 else _rare(subject, field)[-1]
        return _put(day, field, day[field].replace(level, f"{level} (new)" if rank else "Z_17"))

    return rename


def _rare(subject: Subject, field: str) -> list[str]:
    """The answers in 2 to 15 % of the reference and of what comes, and in so many records of the reference that they are no names."""
    counts = subject.reference[field].value_counts()
    share, coming = counts / counts.sum(), subject.pool[field].value_counts(normalize=True).reindex(counts.index)
    return list(counts.index[(share > 0.02) & (share < 0.15) & (coming > 0.02) & (counts >= LEAST_HELD)])


def _capitals(day, subject, field, random, earlier):
    return _put(day, field, day[field].map(lambda value: value.swapcase() if isinstance(value, str) else value))


def _new_answer(day, subject, field, random, earlier):
    return _put(day, field, day[field].where(~_some(day, random, 0.06), "Quetzal"))


def _swapped(day, subject, field, random, earlier):
    one, two = field.split("\x00")
    return day.assign(**{one: day[two].to_numpy(), two: day[one].to_numpy()})


def _shuffled(day, subject, field, random, earlier):
    return _put(day, field, day[field].to_numpy()[random.permutation(len(day))])


def _unreadable(day, subject, field, random, earlier):
    return _put(day, field, day[field].astype(object).where(~_some(day, random, 0.2), "see note"))


def _one_segment(day, subject, field, random, earlier):
    """Only records of one answer arrive, as many as ever."""
    level = subject.pool[field].value_counts().index[0]
    pool = subject.pool[subject.pool[field] == level]
    table = pool.iloc[random.choice(len(pool), len(day), replace=len(pool) < len(day))].reset_index(drop=True)
    return table.assign(**{SCORE: subject.score(table)})


def _score(change: Callable[[np.ndarray, Random], np.ndarray]) -> Callable[..., pd.DataFrame]:
    return lambda day, subject, field, random, earlier: _put(day, SCORE, change(day[SCORE].to_numpy(), random))


def _repeat_some(day, subject, field, random, earlier):
    return pd.concat([day, day.sample(frac=0.3, random_state=int(random.integers(1 << 30)))], ignore_index=True)


FAULTS = [
    Fault("x100", _times(100.0), "number", gross=True, says=("unit",)),
    Fault("x0.01", _times(0.01), "number", says=("unit",)),
    Fault("x2.54", _times(2.54), "number", says=("unit",)),
    Fault("all missing", _missing(1.0), gross=True),
    Fault("15% missing", _missing(0.15)),
    Fault("field gone", lambda day, subject, field, random, earlier: day.drop(columns=field), gross=True),
    Fault("constant", _constant, "number"),
    Fault("sentinel", _sentinel, "number", says=("sentinel", "placeholder")),
    Fault("sign", _times(-1.0), "number"),
    Fault("shift 1 sd", _plus(1.0), "number"),
    Fault("shift 0.5 sd", _plus(0.5), "number", mild=True),
    Fault("wider", _wider, "number"),
    Fault("outliers", _outliers, "number"),
    Fault("unreadable", _unreadable, "number"),
    Fault("renamed common", _renamed(0), "category", says=("renamed",)),
    Fault("renamed rare", _renamed(1), "rare", says=("renamed",)),
    Fault("case changed", _capitals, "letters", says=("renamed",)),
    Fault("new answer", _new_answer, "category"),
    Fault("swapped numbers", _swapped, "numbers", says=("swapped",)),
    Fault("swapped answers", _swapped, "categories", says=("swapped",)),
    Fault("one segment", _one_segment, "segment"),
    Fault("scores constant", _score(lambda score, random: np.full(len(score), score.mean())), "score", gross=True),
    Fault("scores missing", _score(lambda score, random: np.full(len(score), np.nan)), "score", gross=True),
    Fault("scores out of range", _score(lambda score, random: score * 100 + 50), "score", gross=True),
    Fault(
        "20% of scores missing",
        _score(lambda score, random: np.where(random.random(len(score)) < 0.2, np.nan, score)),
        "score",
    ),
    Fault("scores inverted", _score(lambda score, random: score.max() + score.min() - score), "score"),
    Fault("scores shuffled", _score(lambda score, random: random.permutation(score)), "related score"),
    Fault("empty", lambda day, subject, field, random, earlier: day.iloc[:0], "batch", gross=True),
    Fault("stale", lambda day, subject, field, random, earlier: earlier.copy(), "stale", gross=True),
    Fault(
        "duplicated",
        lambda day, subject, field, random, earlier: pd.concat([day, day], ignore_index=True),
        "batch",
        gross=True,
    ),
    Fault("30% repeated", _repeat_some, "key"),
    Fault("a third of the rows", lambda day, subject, field, random, earlier: day.iloc[: len(day) // 3], "batch"),
]


def fields_for(fault: Fault, subject: Subject, random: Random) -> str | None:
    """A field of the table that the fault can break, chosen at random; None when there is none, "" when it breaks the batch."""
    numbers, categories = subject.numbers(), subject.categories()
    rare = [
        name
        for name in categories
        if (subject.reference[name].value_counts(normalize=True) > 0.02).sum() > 2 and _rare(subject, name)
    ]
    if fault.needs in {"batch", "score", "stale", "related score"}:
        return ""
    if fault.needs == "key":
        return "" if subject.key else None
    choices = {
        "any": [name for name in subject.fields if subject.pool[name].notna().mean() > 0.8 and subject.pool[name].nunique() > 1],
        "number": [name for name in numbers if subject.pool[name].notna().mean() > 0.5 and (subject.pool[name] != 0).mean() > 0.5],
        "category": [name for name in categories if subject.pool[name].notna().mean() > 0.5],
        "letters": [name for name in categories if subject.pool[name].dropna().map(lambda value: str(value).swapcase() != str(value)).mean() > 0.9], "rare": rare, "segment": [name for name in categories if subject.pool[name].value_counts(normalize=True).iloc[0] < 0.7],
        "numbers": _pairs(subject, numbers), "categories": _pairs(subject, categories),
    }[fault.needs]  # fmt: skip
    return str(random.choice(choices)) if choices else None


def _pairs(subject: Subject, names: list[str]) -> list[str]:
    """Pairs of fields that can be told from one another."""
    found = []
    for place, one in enumerate(names):
        for two in names[place + 1 :]:
            first, second = subject.pool[one].dropna(), subject.pool[two].dropna()
            if pd.api.types.is_numeric_dtype(first):
                apart = first.median() > second.quantile(0.75) or first.median() < second.quantile(0.25)
            else:
                apart = len(set(first.unique()) & set(second.unique())) == 0
            if apart:
                found.append(f"{one}\x00{two}")
    return found
