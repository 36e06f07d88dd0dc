"""The contract of a member of the final model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np


@dataclass(frozen=True)
class Job:
    """What is learnt: "binary", "multiclass" or "regression", with how many classes, seed and threads (0: all cores).

    `ordered` says that the records to learn from come oldest first and that the future is what counts.
    """

    task: str
    classes: int = 0
    seed: int = 0
    threads: int = 0
    ordered: bool = False

    @property
    def outputs(self) -> int:
        return self.classes if self.task == "multiclass" else 1


class Member:
    """One fitted model of one family."""

    kind: ClassVar[str]
    title: ClassVar[str]
    suffix: ClassVar[str]

    def __init__(self, job: Job) -> None:
        self.job = job

    def fit(self, features: np.ndarray, target: np.ndarray, config: dict[str, Any]) -> Member:
        """Fit on (records, features) and class numbers or numbers; `config` is FLAML's for this family."""
        raise NotImplementedError

    def predict(self, features: np.ndarray) -> np.ndarray:
        """(records, classes) probabilities, or (records,) numbers."""
        raise NotImplementedError

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        """(records, features): how each feature moves the margin of class `output[i]` of record i."""
        raise NotImplementedError

    def save(self, path: Path) -> None:
        raise NotImplementedError

    def load(self, path: Path) -> Member:
        raise NotImplementedError


def two_columns(positive: np.ndarray) -> np.ndarray:
    """Probability of the second class -> both columns."""
    return np.column_stack([1.0 - positive, positive])


def pick_output(per_class: np.ndarray, output: np.ndarray) -> np.ndarray:
    """(records, classes, features) -> (records, features) of each record's class."""
    return per_class[np.arange(len(output)), output]
