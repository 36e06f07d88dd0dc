"""What the scores of a stream promise, and whether it was kept: which field is the outcome, and the alarm when performance drops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from einstein.ml.watch.alarms import Alarm
from einstein.ml.watch.expected import Errors, Ranking, Verdict
from einstein.ml.watch.learnt import Learnt
from einstein.ml.watch.outcome import Outcome, outcome_of
from einstein.ml.watch.table import Batch


def outcome_among(learnt: Learnt, batch: Batch, named: str | None) -> Outcome | None:
    """The field that came true: the named one, else that which the reference has, the batch lacks, and the score foretells best."""
    if learnt.score is None or learnt.scores is None:
        return None
    names = [named] if named else [spec.name for spec in learnt.specs if spec.name not in batch.columns]
    found = [
        outcome_of(learnt.table, name, learnt.scores.column.values) for name in names if name in learnt.table.columns
    ]
    return max((one for one in found if one is not None), key=lambda one: one.strength, default=None)


@dataclass
class Promise:
    """The outcome and the way its performance is told, learnt on the reference."""

    outcome: Outcome | None
    measure: Ranking | Errors

    @classmethod
    def of_chances(cls, learnt: Learnt, seed: int) -> Promise | None:
        """For scores that are calibrated chances and a reference without outcomes; None where they cannot be chances."""
        if (
            learnt.score is None
            or learnt.scores is None
            or learnt.score.ranks.least < 0
            or learnt.score.ranks.greatest > 1
        ):
            return None
        scores = learnt.scores.column.values
        return cls(None, Ranking.fit_chances(scores[~np.isnan(scores)], seed))

    @property
    def past(self) -> list[float]:
        """The quiet estimates of earlier batches."""
        return self.measure.past if isinstance(self.measure, Ranking) else []

    @past.setter
    def past(self, values: list[float]) -> None:
        if isinstance(self.measure, Ranking):
            self.measure.past = values

    def estimate(self, scores: np.ndarray, features: Callable[[], np.ndarray]) -> Verdict | None:
        """What a batch's scores, (records,) with NaN for blank, promise; None when it holds too few."""
        if isinstance(self.measure, Errors):
            return self.measure.judge(features())
        return self.measure.judge(scores[~np.isnan(scores)])

    @classmethod
    def fit(cls, learnt: Learnt, outcome: Outcome, seed: int) -> Promise | None:
        """None where scores are neither chances of a yes nor predictions of a number."""
        if learnt.score is None or learnt.scores is None:
            return None
        scores, came = learnt.scores.column.values, outcome.values
        there = ~np.isnan(scores) & ~np.isnan(came)
        if outcome.binary:
            lawful = learnt.score.ranks.least >= 0 and learnt.score.ranks.greatest <= 1
            return cls(outcome, Ranking.fit(came[there], scores[there], seed)) if lawful else None
        if learnt.score_company.gauge is None:
            return None
        features = learnt.score_company.matrix(learnt.values, learnt.rows)
        return cls(outcome, Errors.fit(came[there], scores[there], features[there], seed))

    def alarms(self, batch: Batch, scores: np.ndarray, promised: Verdict | None, causes: list[str]) -> list[Alarm]:
        """`scores` (records,) with NaN for blank, `promised` what they were estimated at, `causes` the fields that alarm, strongest first."""
        told = [verdict for verdict in (promised, self._realised(batch, scores)) if verdict is not None]
        worse = [verdict for verdict in told if verdict.is_worse]
        if worse:
            return [_alarm(worse[-1], causes)]
        if told and isinstance(self.measure, Ranking):
            self.measure.accept(told[0])
        return []

    def _realised(self, batch: Batch, scores: np.ndarray) -> Verdict | None:
        """What came true of a batch, where it says so and enough have come."""
        if not isinstance(self.measure, Ranking) or self.outcome is None or self.outcome.field not in batch.columns:
            return None
        came = self.outcome.of(batch)
        there = ~np.isnan(scores) & ~np.isnan(came)
        return self.measure.judge_realised(came[there], scores[there])


def _alarm(verdict: Verdict, causes: list[str]) -> Alarm:
    how = "came out" if verdict.realised else "are expected to come out"
    if verdict.metric == "auc":
        words = f"The scores {how} less right: of 100 pairs {100 * verdict.value:.1f} are ranked rightly instead of {100 * verdict.usual:.1f} (performance, ROC AUC {verdict.value:.3f})."
    else:
        words = f"The predictions {how} less right: they miss by {verdict.value:.4g} on average instead of {verdict.usual:.4g} (performance, mean absolute error)."
    because = f" It comes with changes of {', '.join(causes[:3])}." if causes else " No single field explains it."
    check = "performance_realised" if verdict.realised else "performance_estimated"
    return Alarm("performance", check, None, "warning", words + because, verdict.z, "performance")
