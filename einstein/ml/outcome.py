"""The outcome: what is predicted, read from a field, checked for being learnable, and put into words when it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from einstein.ml.errors import DataProblem
from einstein.ml.schema import detect, parse
from einstein.ml.types.base import clean_text
from einstein.ml.types.yes_no import positive_answer

LEAST_RECORDS = 100  # DataRobot refuses under 100 records and 20 of a class
LEAST_RARER = 20
EARLY_RECORDS, EARLY_RARER = 400, 40  # below: "early look"
MOST_CLASSES = 200
TASKS = ["binary", "multiclass", "regression"]


@dataclass
class Outcome:
    """The learnable outcome of a table.

    `known` marks the records whose outcome is known, shape (records,). `target` holds class numbers or numbers of those
    records. For binary jobs `classes[1]` is the positive answer.
    """

    field: str
    task: str
    classes: list[str]
    known: np.ndarray
    target: np.ndarray

    @property
    def indicators(self) -> np.ndarray:
        """Targets for target statistics, shape (known records, outputs)."""
        if self.task == "multiclass":
            return np.eye(len(self.classes))[self.target.astype(int)]
        return self.target.astype(float).reshape(-1, 1)


def suggest_task(name: str, values: pd.Series) -> str:
    """binary for two answers, regression for numbers with many values, else multiclass."""
    distinct = clean_text(values).dropna().nunique()
    if distinct == 2:
        return "binary"
    return "regression" if detect(name, values).family == "number" and distinct > 10 else "multiclass"


def suggest_positive(answers: list[str], counts: dict[str, int]) -> str:
    """The answer that means yes, else the rarer one."""
    return positive_answer(answers) or min(answers, key=lambda answer: counts[answer])


def read_outcome(name: str, values: pd.Series, task: str | None = None, positive: str | None = None) -> Outcome:
    """Read the outcome from strings; raises `DataProblem` with the count needed when nothing can be learnt from it."""
    task = task or suggest_task(name, values)
    if task == "regression":
        return _number_outcome(name, values)
    text = clean_text(values).map(lambda value: None if value is None else str(value))
    known = text.notna().to_numpy()
    counts = {str(answer): int(count) for answer, count in text.value_counts().items()}
    positive = _as_written(positive, counts)
    if task == "binary" and positive is not None and len(counts) > 2:
        text = text.where(text.isna() | (text == positive), f"not {positive}")
        counts = {str(answer): int(count) for answer, count in text.value_counts().items()}
    refuse_unlearnable(name, task, counts, positive)
    classes = sorted(counts)
    if task == "binary":
        yes = positive or suggest_positive(classes, counts)
        classes = [next(answer for answer in classes if answer != yes), yes]
    numbers = {answer: number for number, answer in enumerate(classes)}
    return Outcome(name, task, classes, known, text[known].map(numbers).to_numpy(int))


def _as_written(positive: str | None, counts: dict[str, int]) -> str | None:
    """The answer as the data writes it: a person who asks for 1 also means 1.0 and " 1"."""
    if positive is None or positive in counts:
        return positive
    wanted = positive.strip()
    same = [
        answer
        for answer in counts
        if answer.lower() == wanted.lower() or _number(answer) == _number(wanted) is not None
    ]
    return same[0] if len(same) == 1 else positive


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def refuse_unlearnable(name: str, task: str, counts: dict[str, int], positive: str | None = None) -> None:
    """Raise `DataProblem` when these answers cannot be learnt, saying what is there and what would do."""
    total = sum(counts.values())
    if not total:
        raise DataProblem(
            f"{name} is blank in every record, so there is nothing to learn. Fill in how past records turned out."
        )
    if len(counts) == 1:
        only = next(iter(counts))
        raise DataProblem(
            f"Every record has the same answer ({only}) in {name}, so there is nothing to learn. Use data that has both answers."
        )
    if task == "binary":
        if len(counts) > 2:
            raise DataProblem(
                f"{name} has {len(counts)} answers. Pick the one that counts as yes, or predict one of several."
            )
        if positive is not None and positive not in counts:
            raise DataProblem(f"{name} is never {positive}. Its answers are {' and '.join(sorted(counts))}.")
    elif len(counts) > MOST_CLASSES:
        raise DataProblem(
            f"{name} has {len(counts):,} different answers; {MOST_CLASSES} is the limit. Group them, or predict a number."
        )
    _refuse_few(total)
    # Of several answers, two frequent ones are enough; the rare others are predicted as seldom as they come.
    rarer, count = sorted(counts.items(), key=lambda item: item[1])[0 if task == "binary" else -2]
    if count < LEAST_RARER:
        raise DataProblem(
            f"Only {count} of {total:,} records have {name} = {rarer}. At least {LEAST_RARER} are needed: {LEAST_RARER - count} more."
            + (" Rare answers can also be grouped." if task == "multiclass" else "")
        )


def size_words(outcome: Outcome) -> str:
    """ "early" under 400 records or 40 of the rarer answer, else "normal"."""
    rarer = min(np.bincount(outcome.target.astype(int))) if outcome.task != "regression" else len(outcome.target)
    return "early" if len(outcome.target) < EARLY_RECORDS or rarer < EARLY_RARER else "normal"


def answers_of(values: pd.Series) -> dict[str, int]:
    """How often each answer comes, most frequent first."""
    return {str(answer): int(count) for answer, count in clean_text(values).value_counts().items()}


def _number_outcome(name: str, values: pd.Series) -> Outcome:
    numbers = parse(values, detect(name, values, forced="number"))
    known = numbers.notna().to_numpy()
    target = numbers[known].to_numpy(float)
    filled = int(clean_text(values).notna().sum())
    if filled and len(target) < filled / 2:
        raise DataProblem(
            f"{name} holds words, not numbers. Predict one of several answers instead, or pick another field."
        )
    _refuse_few(len(target))
    if np.ptp(target) == 0:
        raise DataProblem(f"{name} is {target[0]:g} in every record, so there is nothing to learn.")
    return Outcome(name, "regression", [], known, target)


def _refuse_few(total: int) -> None:
    if total < LEAST_RECORDS:
        raise DataProblem(
            f"{total:,} records have a known outcome. At least {LEAST_RECORDS} are needed: {LEAST_RECORDS - total} more."
        )


def describe(outcome: Outcome) -> dict[str, Any]:
    return {"field": outcome.field, "task": outcome.task, "classes": outcome.classes}
