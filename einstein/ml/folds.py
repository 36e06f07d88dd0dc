"""What settings are judged by: folds of the learning records, each with features fitted without its held-out part."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from einstein.ml.columns import Column
from einstein.ml.features import Encoder
from einstein.ml.features.encoder import KINDS, kind_of
from einstein.ml.judge import Judge
from einstein.ml.members.base import Job
from einstein.ml.schema import FieldSpec

FOLDS = 5
FOLDS_UP_TO = 12_000  # records; above, one holdout tells as much
HELD_OUT = 0.2
EARLY = 0.25  # of the records before the first later part
ORDERED_PARTS_UP_TO = 30_000
MOST_HELD_OUT = 40_000


@dataclass
class Fold:
    """Row numbers to learn from and to judge by, with their float32 features and the fields these come from.

    The first `early` rows to judge by are from the time of those to learn from. `groups` are the features that are numbers of
    levels.
    """

    learn: np.ndarray
    hold: np.ndarray
    learn_features: np.ndarray
    hold_features: np.ndarray
    owners: list[list[str]]
    early: int = 0
    groups: list[int] = field(default_factory=list)

    def without(self, field: str) -> Fold:
        """The same fold without the features of one field."""
        kept = np.array([field not in owners for owners in self.owners], dtype=bool)
        owners = [owners for owners in self.owners if field not in owners]
        return Fold(
            self.learn, self.hold, self.learn_features[:, kept], self.hold_features[:, kept], owners, self.early
        )


@dataclass
class Folds:
    """The folds of one set of learning records; `target` (records,) in the user's unit or class numbers."""

    folds: list[Fold]
    target: np.ndarray
    job: Job

    @cached_property
    def rows(self) -> np.ndarray:
        """All held-out rows, in order."""
        return np.sort(np.concatenate([fold.hold for fold in self.folds]))

    @cached_property
    def judge(self) -> Judge:
        """Judges guesses of the held-out rows; those of the time that was learnt from come first."""
        return Judge(self.target[self.rows], self.job, sum(fold.early for fold in self.folds))

    def without(self, field: str) -> Folds:
        return Folds([fold.without(field) for fold in self.folds], self.target, self.job)


def splits_of(target: np.ndarray, job: Job) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """(rows to learn from, rows held out, how many of these are early): later records where order counts, else folds."""
    if job.ordered:
        return _later_parts(len(target), job.seed)
    splitter = KFold if job.task == "regression" else StratifiedKFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class may have fewer records than there are folds
        parts = list(splitter(FOLDS, shuffle=True, random_state=job.seed).split(np.zeros(len(target)), target))
    if len(target) <= FOLDS_UP_TO:
        return [(learn, hold, 0) for learn, hold in parts]
    learn, hold = parts[0]
    return [(learn, hold[:MOST_HELD_OUT], 0)]


def _later_parts(count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Each of the last three fifths, learnt from what came before (rolling origin, Tashman 2000); of many records the last.

    The last part is also judged by some records of the first two fifths, held out of what it learns.
    """
    large = count > ORDERED_PARTS_UP_TO
    cuts = (
        [count - min(MOST_HELD_OUT, int(count * HELD_OUT)), count]
        if large
        else [round(count * share) for share in (0.4, 0.6, 0.8, 1.0)]
    )
    parts = [(np.arange(cut), np.arange(cut, end), 0) for cut, end in zip(cuts, cuts[1:], strict=False)]
    early = min(MOST_HELD_OUT // 2, int(EARLY * cuts[0]))
    if not early:
        return parts
    held = np.sort(np.random.default_rng(seed).permutation(cuts[0])[:early])
    learn, later, _ = parts[-1]
    return [*parts[:-1], (np.setdiff1d(learn, held), np.concatenate([held, later]), early)]


def make_folds(
    columns: dict[str, Column], specs: list[FieldSpec], target: np.ndarray, indicators: np.ndarray, job: Job
) -> Folds:
    """Encode every fold. Rules that look at the outcome are learnt on the fold's own learning part."""
    parts = splits_of(target, job)
    if not any(KINDS[kind_of(spec, columns[spec.name])].supervised for spec in specs):
        encoder = Encoder(specs, job.seed)
        whole = encoder.fit_transform(columns, indicators)
        return Folds(
            [Fold(learn, hold, whole[learn], whole[hold], encoder.owners, early) for learn, hold, early in parts],
            target,
            job,
        )
    folds = [_encoded(columns, specs, learn, hold, early, indicators, job) for learn, hold, early in parts]
    return Folds(folds, target, job)


def _encoded(
    columns: dict[str, Column],
    specs: list[FieldSpec],
    learn: np.ndarray,
    hold: np.ndarray,
    early: int,
    indicators: np.ndarray,
    job: Job,
) -> Fold:
    encoder = Encoder(specs, job.seed)
    learn_features = encoder.fit_transform(
        {name: column.take(learn) for name, column in columns.items()}, indicators[learn]
    )
    hold_features = encoder.transform({name: column.take(hold) for name, column in columns.items()})
    return Fold(learn, hold, learn_features, hold_features, encoder.owners, early, encoder.groups)
