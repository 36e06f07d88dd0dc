"""Answers that the reference never held: which have come since, how often, and what share a new one may take on an ordinary day.

A reference of 300 records cannot tell whether an answer in 2 % of a batch is news; 20,000 records since, without it, can.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from einstein.ml.watch.evidence import LATE, root_likelihood
from einstein.ml.watch.gauges import Gauge, Measured
from einstein.ml.watch.gauges.category import CategoryGauge
from einstein.ml.watch.gauges.ranks import LUMPS, most_usual

SETTLED = 6  # quiet batches that show how large a share new answers take by nature
ROOM = 2.0  # times the largest excess so far that a new answer may have
KEPT = 12  # quiet batches whose largest new answer counts
MOST_ANSWERS = 500  # remembered a field
LOOKED_AT = 50  # of a batch's answers unknown to the reference, the commonest


@dataclass
class Arrival:
    """One batch's answers to a field: `filled` records with one, `counts` {answer unknown to the reference: records}."""

    filled: int
    counts: dict[str, int]


@dataclass
class Since:
    """One field since the reference: `records` with an answer, `counts` {answer unknown to the reference: records}, and per quiet batch
    by how much the largest share of an answer that came for the first time exceeded what was to be expected. What is `pending` is not learnt from yet."""

    records: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    largest: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    pending: deque[Arrival] = field(default_factory=lambda: deque(maxlen=LATE))

    def most_usual(self, answer: str, gauge: CategoryGauge) -> float:
        """The largest share of the answer that an ordinary day may bring."""
        records, count = gauge.records + self.records, self.counts.get(answer, 0)
        usual = most_usual(count / records, records)
        if count:
            return usual
        if len(self.largest) >= SETTLED:
            return usual + ROOM * max(self.largest)
        return usual * (LUMPS if gauge.expected_unseen > 0 else 1.0)

    def learn(self, batch: Arrival, reference: int) -> None:
        """Take in a quiet batch; the one before last is learnt from now. `reference` is how many records of it have an answer."""
        if len(self.pending) == LATE:
            old = self.pending[0]
            new = max((count for answer, count in old.counts.items() if answer not in self.counts), default=0)
            missed = most_usual(0.0, reference + self.records)  # what so few records may well not have held
            self.largest.append(max(0.0, (new - 1) / old.filled - missed))  # one record is no lump
            self.records += old.filled
            for answer, count in old.counts.items():
                self.counts[answer] = self.counts.get(answer, 0) + count
            self._forget_the_rarest()
        self.pending.append(batch)

    def _forget_the_rarest(self) -> None:
        if len(self.counts) > MOST_ANSWERS:
            commonest = sorted(self.counts, key=lambda answer: -self.counts[answer])[: MOST_ANSWERS // 2]
            self.counts = {answer: self.counts[answer] for answer in commonest}


class Newcomers:
    """The fields of answers of one panel. `weigh` puts the newest answer of a batch into its stat "new"; `accept` learns."""

    def __init__(self, gauges: list[Gauge]) -> None:
        self.gauges = {place: gauge for place, gauge in enumerate(gauges) if type(gauge) is CategoryGauge}
        self.since = {place: Since() for place in self.gauges}

    def memory(self) -> dict[str, Any]:
        """For `resume`: everything but the gauges."""
        return {"since": self.since}

    def resume(self, memory: dict[str, Any]) -> None:
        """Go on where `memory` was taken."""
        self.since = memory["since"]

    def weigh(self, found: list[Measured | None]) -> None:
        """Choose each field's most surprising newcomer, of this batch alone or together with those not learnt from yet, in place."""
        for place, gauge in self.gauges.items():
            one, since = found[place], self.since[place]
            if one is None or not one.facts.get("unseen"):
                continue
            batch, known = _arrival(one, gauge), gauge.records + since.records
            choices = [
                _Choice(answer, since.most_usual(answer, gauge), window, known)
                for window in ([batch], [*since.pending, batch])
                for answer in batch.counts
            ]
            best = max(choices, key=lambda choice: choice.z)
            stat = gauge.place_of("new")
            one.means[stat], one.counts[stat] = best.share, best.filled
            one.usual[stat], one.known[stat] = best.usual, known
            one.facts["newest"] = best.answer

    def accept(self, found: list[Measured | None], quiet: np.ndarray) -> None:
        """Learn from the fields that were `quiet`, (gauges,)."""
        for place, gauge in self.gauges.items():
            one = found[place]
            if one is not None and quiet[place] and "unseen" in one.facts:
                self.since[place].learn(_arrival(one, gauge), gauge.records)


class _Choice:
    """One answer over some batches: its share of the `filled` records, and how far that is above the most that is usual."""

    def __init__(self, answer: str, usual: float, window: list[Arrival], known: int) -> None:
        self.answer, self.usual = answer, usual
        self.filled = sum(batch.filled for batch in window)
        self.share = sum(batch.counts.get(answer, 0) for batch in window) / self.filled
        size = 1 / (1 / self.filled + 1 / known)
        self.z = float(root_likelihood(np.array(self.share), np.array(usual), np.array(size)))


def _arrival(one: Measured, gauge: CategoryGauge) -> Arrival:
    unseen = one.facts["unseen"]
    filled = int(one.counts[gauge.place_of("unseen")])
    commonest = sorted(unseen, key=lambda answer: -unseen[answer])[:LOOKED_AT]
    return Arrival(filled, {answer: round(unseen[answer] * filled) for answer in commonest})
