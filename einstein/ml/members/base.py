"""The contract of a member of the final model."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

FEW = 100  # records that a second core is not worth waking for
PATIENCE = 40  # trees without gain on the held-out records before boosting stops


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

    @property
    def cores(self) -> int:
        return self.threads or os.cpu_count() or 1


@dataclass
class Practice:
    """How one fit is done: held-out records to stop boosting by, the monotonic time to stop at, threads and seed.

    `groups` are features that are numbers of levels; a family may split by sets of them, or take them as any number. A fit that is cut by its deadline keeps the trees grown so far.
    """

    hold: tuple[np.ndarray, np.ndarray] | None = None
    deadline: float = float("inf")
    threads: int = 1
    seed: int = 0
    groups: list[int] = field(default_factory=list)

    @property
    def late(self) -> bool:
        return time.monotonic() > self.deadline


class Member:
    """One fitted model of one family. Targets of regression jobs arrive standardised, about mean 0 and deviation 1."""

    kind: ClassVar[str]
    title: ClassVar[str]
    suffix: ClassVar[str]
    plain: ClassVar[bool] = False  # its exact contributions cost next to nothing
    grows: ClassVar[bool] = False  # boosted: `rounds` trees, found by stopping early

    def __init__(self, job: Job) -> None:
        self.job = job
        self.rounds = 0

    @classmethod
    def space(cls, records: int) -> dict[str, Any]:
        """FLAML's search space of this family for so many records; {} when there is nothing to search."""
        return {}

    @classmethod
    def cheap(cls) -> dict[str, Any]:
        """The cheapest corner of the space."""
        return {}

    def fit(self, features: np.ndarray, target: np.ndarray, config: dict[str, Any], practice: Practice) -> Member:
        """Fit on (records, features) float32 and class numbers or numbers."""
        raise NotImplementedError

    def predict(self, features: np.ndarray, threads: int = 0) -> np.ndarray:
        """(records, classes) probabilities, or (records,) numbers."""
        raise NotImplementedError

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        """(records, features): how each feature moves the margin of class `output[i]` of record i."""
        raise NotImplementedError

    def leaves(self, features: np.ndarray, trees: int) -> np.ndarray | None:
        """(records, at most `trees`) the leaf of each record in the first trees; None when there are no trees."""
        return None

    def leaf_effects(self, trees: int, features: int) -> tuple[np.ndarray, np.ndarray] | None:
        """How many leaves each of the first trees has (trees,), and their exact contributions (outputs, leaves, features).

        None where a leaf alone does not settle what its tree contributes.
        """
        return None

    def contributions_after(self, trees: int, features: np.ndarray, output: np.ndarray) -> np.ndarray | None:
        """`contributions` of the trees after the first ones, for members with `leaf_effects`; None when there are no more."""
        return None

    def freeze(self) -> Member:
        """Become what will be read back from the file, so that scores before and after are the same bit for bit."""
        return self

    def save(self, path: Path) -> None:
        raise NotImplementedError

    def load(self, path: Path) -> Member:
        raise NotImplementedError


def answers(sums: np.ndarray, job: Job) -> np.ndarray:
    """(records, outputs) sums of trees -> (records, classes) probabilities, or (records,) numbers."""
    if job.task == "regression":
        return sums[:, 0]
    if job.task == "binary":
        return two_columns(1.0 / (1.0 + np.exp(-sums[:, 0])))
    exponents = np.exp(sums - sums.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def two_columns(positive: np.ndarray) -> np.ndarray:
    """Probability of the second class -> both columns."""
    return np.column_stack([1.0 - positive, positive])


def pick_output(per_class: np.ndarray, output: np.ndarray) -> np.ndarray:
    """(records, classes, features) -> (records, features) of each record's class."""
    return per_class[np.arange(len(output)), output]
