"""The watch over one stream of batches: learn a reference, then judge batch after batch by it and by the batches before.

How alarms are kept rare: each of the stats of a batch is judged at the budget's share (Bonferroni over stats and windows), and a change
must also be large enough to matter. Faults of the feed itself (fields gone, a batch seen before, nothing in it) need no statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from einstein.ml.schema import FieldSpec
from einstein.ml.watch.alarms import GRAVITY, Alarm, Follow
from einstein.ml.watch.causes import Sight, cause_of
from einstein.ml.watch.causes.unit import find as unit
from einstein.ml.watch.content import Content
from einstein.ml.watch.evidence import FLOOR, WINDOWS, History, Surprise
from einstein.ml.watch.expected import Verdict
from einstein.ml.watch.feed import empty_alarm, gone_alarm, repeat_alarms, volume_alarm
from einstein.ml.watch.gauges import Measured
from einstein.ml.watch.learnt import Learnt
from einstein.ml.watch.newcomers import Newcomers
from einstein.ml.watch.promise import Promise, outcome_among
from einstein.ml.watch.score import no_scores, score_alarm
from einstein.ml.watch.table import Batch, Values, spread
from einstein.ml.watch.volume import Volume

BUDGET = 0.1  # false alarms per 100 batches (DEFAULTS)
DAY = 86_400.0
LEAST_DAYS, LEAST_DAY_ROWS, MOST_DAYS = 5, 20, 120
UNKNOWN = 0.05  # tau taken for granted until the stream's own can be told
NOW_CAP = 0.12**2  # how much of tau squared one batch alone may claim for itself
KEPT = 60  # batches that the tau of all fields goes back to
STILL = 3.0  # an open alert is not over while the batch alone says so much
SAME_WAY = 1.5  # a window alarms only while its newest batch leans the same way
LEAST_FIELDS = 4  # fields before their middle one speaks for all
MEDIAN_TO_MEAN = 1.2  # by how much a mean of few chi-squares exceeds its median
MOST_FORETOLD = 10_000  # records that errors are foretold of: more would bring the estimate nearer by a twentieth
LEAST_TOGETHER = 100  # records before how fields go together can be judged
LIGHT = 0.02  # share of the effect below which a field is hardly used
PLAIN_KINDS = {"empty", "constant", "unit", "swapped"}  # causes that explain others, so they are named first
ORDER = {"feed": 0, "field": 1, "relation": 2, "score": 3, "performance": 4}


@dataclass
class Settings:
    """How to watch. `specs` are the fields the model was given, detected when None; `importance` {field: share of the effect}, None when unknown.

    Without `outcome` a field of the reference that batches lack and the score foretells is taken for it.
    """

    score: str
    specs: list[FieldSpec] | None = None
    importance: dict[str, float] | None = None
    weekly: bool = True
    budget: float = BUDGET
    ignore: tuple[str, ...] = ()
    outcome: str | None = None  # the field with what came true, if the reference has it
    chances: bool = (
        False  # whether scores are calibrated chances of a yes, so that performance can be told without outcomes
    )
    repeats: bool = True  # whether records that come again are judged; not where every batch holds whoever there is
    seed: int = 0


@dataclass
class Heard:
    """What one gauge says of a batch: the surprise, the names of its alarming stats, and whether an alert that is open is not over yet."""

    surprise: Surprise
    loud: set[str]
    still: bool


@dataclass
class Look:
    """One batch on its way through the watch. `found` and `heard` are in the panel's order, `together` is the panel as one, `promised` what
    the scores promise."""

    table: Batch
    values: dict[str, Values]
    scores: Values | None
    found: list[Measured | None]
    together: Measured
    heard: list[Heard]
    promised: Verdict | None = None


class Watcher:
    """Watches one stream. `look` must be given the batches in order; the state is in memory and small."""

    def __init__(self, reference: pa.Table | pd.DataFrame, settings: Settings) -> None:
        self.settings = settings
        self._learn(Batch.of(reference), settings.specs)
        self.volume, self.follow = Volume(settings.weekly), Follow()
        self.promise: Promise | None = None
        self.shared: list[float] = []
        self.number = 0
        self.seen: Look | None = None
        self._begun = False
        self._as_of: str | None = None

    def _learn(self, table: Batch, specs: list[FieldSpec] | None) -> None:
        self.learnt = Learnt(
            table, self.settings.score, specs, {self.settings.outcome, *self.settings.ignore}, self.settings.seed
        )
        self.panel = self.learnt.panel
        self.history = History(self.panel)
        self.newcomers = Newcomers(self.panel.gauges)
        fields = [gauge.field for gauge in self.learnt.gauges]
        self.content = Content(fields, self.learnt.key(), table) if self.settings.repeats else None

    def alpha(self) -> float:
        """What the p-value of one stat must stay below for the budget to hold."""
        return self.settings.budget / 100 / max(1, len(self.panel.usual) * len(WINDOWS))

    def look(self, batch: pa.Table | pd.DataFrame | Batch, day: int | None = None) -> list[dict[str, Any]]:
        """Judge the next batch; lines for alerts.jsonl. `day` is its day of the week, else told from a date that all its records share, else counted."""
        table = Batch.of(batch)
        if table.rows == 0:
            return self.refuse(empty_alarm())
        if not self._begun:
            self._begin(table)
        self.number += 1
        look = self.seen = self._heard(table)
        alarms = self._feed_alarms(look, day) + self._field_alarms(look)
        explained = bool(alarms)
        alarms += self._relation_alarm(look, explained) + self._score_alarm(look, explained)
        alarms += self._performance_alarm(look, alarms)
        alarms.sort(key=lambda alarm: (ORDER[alarm.scope], GRAVITY[alarm.severity], -alarm.strength))
        return self._followed(alarms, look)

    def refuse(self, alarm: Alarm) -> list[dict[str, Any]]:
        """A batch with nothing in it to judge: one alarm, and whatever is open stays so."""
        self.number += 1
        return self.follow.step(self.number, [alarm], set(self.follow.open))

    def memory(self) -> dict[str, Any]:
        """What the batches so far have taught, apart from what the reference taught; for `resume`."""
        return {
            "number": self.number, "shared": self.shared, "volume": self.volume, "open": self.follow.open, "history": self.history.memory(),
            "newcomers": self.newcomers.memory(), "content": self.content.memory() if self.content else None, "past": self.promise.past if self.promise else [],
        }  # fmt: skip

    def resume(self, memory: dict[str, Any]) -> None:
        """Go on where `memory` was taken, whatever this watch has seen itself."""
        self.number, self.shared, self.volume, self.seen = memory["number"], memory["shared"], memory["volume"], None
        self.follow.open = memory["open"]
        self.history.resume(memory["history"])
        self.newcomers.resume(memory["newcomers"])
        if self.content is not None:
            self.content.resume(memory["content"])
        if self.promise is not None:
            self.promise.past = memory["past"]

    def _heard(self, table: Batch) -> Look:
        """Measure a batch and judge the whole panel at once; per gauge what is alarming."""
        values = {gauge.field: table.read(gauge.spec) for gauge in self.learnt.gauges if gauge.field in table.columns}
        scores = (
            table.read(self.learnt.score_spec) if self.learnt.score and self.settings.score in table.columns else None
        )
        found = self.learnt.measure(values, scores, table.rows)
        self.newcomers.weigh(found)
        together = self.panel.together(found)
        surprise = self.history.judge(together, self._shared_tau(together))
        loud = (surprise.log_p < np.log(self.alpha())) & (np.abs(surprise.change) >= self.panel.least)
        loud &= (np.sign(surprise.z) == np.sign(surprise.alone)) & (np.abs(surprise.alone) > SAME_WAY)
        still = (np.abs(surprise.alone) > STILL) & (np.abs(surprise.alone_change) >= self.panel.least / 2)
        heard = [
            Heard(surprise.part(part), {gauge.stats[place].name for place in np.flatnonzero(loud[part])}, bool(still[part].any()))
            for gauge, part in zip(self.panel.gauges, self.panel.parts, strict=True)
        ]  # fmt: skip
        return Look(table, values, scores, found, together, heard)

    def _followed(self, alarms: list[Alarm], look: Look) -> list[dict[str, Any]]:
        """Let the alerts follow, and learn from what was quiet."""
        sounded = {alarm.key for alarm in alarms}
        keys: list[tuple[str, str | None]] = [
            (self.learnt.scope(place), gauge.field) for place, gauge in enumerate(self.panel.gauges)
        ]
        unsettled = {key for key, one in zip(keys, look.heard, strict=True) if one.still or one.loud}
        lingering = (unsettled & set(self.follow.open)) - sounded
        broken = any(alarm.scope == "feed" for alarm in alarms)
        quiet = [
            not broken and not one.loud and key not in sounded | lingering
            for key, one in zip(keys, look.heard, strict=True)
        ]
        self.history.accept(look.together, np.array(quiet, dtype=bool))
        self.newcomers.accept(look.found, np.array(quiet, dtype=bool))
        return self.follow.step(self.number, alarms, lingering)

    def _shared_tau(self, batch: Measured) -> float:
        """tau squared that fields have in common: from the past, and from this batch by what its middle field says."""
        excess = self.history.field_excess(batch)[: len(self.learnt.gauges)]
        excess = excess[~np.isnan(excess)]
        now = float(np.median(excess)) * MEDIAN_TO_MEAN if len(excess) >= LEAST_FIELDS else 0.0
        past = (LEAST_FIELDS * UNKNOWN**2 + sum(self.shared)) / (LEAST_FIELDS + len(self.shared))
        if len(excess) >= LEAST_FIELDS:
            self.shared = [*self.shared, min(now, 4 * NOW_CAP)][-KEPT:]
        return max(FLOOR**2, past, min(now, NOW_CAP))

    def _feed_alarms(self, look: Look, day: int | None) -> list[Alarm]:
        weekday, rows = self._weekday(look.values) if day is None else day, look.table.rows
        found = (
            repeat_alarms(self.content.look(look.table, self.number), self.content.key)
            if self.content is not None
            else []
        )
        factor = self.volume.factor(rows, weekday)
        if factor is not None:
            return [*found, volume_alarm(rows, factor)]
        self.volume.accept(rows, weekday)
        return found

    def _field_alarms(self, look: Look) -> list[Alarm]:
        gauges = self.learnt.gauges
        gone = [
            gone_alarm(gauge.field, look.table, self.learnt.specs) for gauge in gauges if gauge.field not in look.values
        ]
        sights = [self._sight(look, place) for place in range(len(gauges)) if look.heard[place].loud]
        return gone + [self._field_alarm(sight, [other for other in sights if other is not sight]) for sight in sights]

    def _sight(self, look: Look, place: int) -> Sight:
        gauge, found, ear = self.learnt.gauges[place], look.found[place], look.heard[place]
        assert found is not None  # nothing is loud, and nothing strange, that was not measured
        return Sight(gauge, look.values[gauge.field], found, ear.surprise, ear.loud)

    def _field_alarm(self, sight: Sight, others: list[Sight]) -> Alarm:
        cause = cause_of(sight, others)
        weight = None if self.settings.importance is None else self.settings.importance.get(sight.field, 0.0)
        severity = "warning" if cause.gross or weight is None or weight >= LIGHT else "info"
        strength = sight.strength + (1000.0 if cause.kind in PLAIN_KINDS else 0.0)
        return Alarm("field", f"field_{cause.kind}", sight.field, severity, cause.words, strength, cause.kind)

    def _relation_alarm(self, look: Look, explained: bool) -> list[Alarm]:
        """The field that keeps other company than before; what one field alone explains already is not told twice."""
        company, first = self.learnt.company, self.learnt.first_company
        heard = zip(company.gauges, look.heard[first : first + len(company.gauges)], strict=True)
        found = [
            (float(one.surprise.z[0]), gauge.field) for gauge, one in heard if one.loud and one.surprise.change[0] > 0
        ]
        if explained or not found or look.table.rows < LEAST_TOGETHER:
            return []
        name = company.stranger(*spread(look.values, look.table.rows, MOST_FORETOLD), [field for _, field in found])
        place = next(place for place, gauge in enumerate(self.learnt.gauges) if gauge.field == name)
        cause = unit(self._sight(look, place), [])  # by a factor too small to show in the field alone
        words = f"{name} no longer goes together with the other fields as it did in training. Its values may belong to other records."
        return [
            Alarm(
                "relation",
                "field_relation",
                name,
                "warning",
                cause.words if cause else words,
                max(found)[0],
                cause.kind if cause else "relation",
            )
        ]

    def _score_alarm(self, look: Look, explained: bool) -> list[Alarm]:
        if self.learnt.score is None:
            return []
        place = len(self.learnt.gauges)
        one, ear, company = look.found[place], look.heard[place], look.heard[-1]
        if look.scores is None or one is None:
            return [no_scores(self.settings.score)]
        unrelated = bool(self.learnt.score_company.gauge) and bool(company.loud) and not explained
        sight = Sight(self.learnt.score, look.scores, one, ear.surprise, ear.loud)
        alarm = score_alarm(sight, company.surprise if unrelated else None, explained)
        return [alarm] if alarm else []

    def _performance_alarm(self, look: Look, alarms: list[Alarm]) -> list[Alarm]:
        """What the scores promise, and what came true; the alarmed fields are named as its cause."""
        if self.promise is None or look.scores is None:
            return []
        causes = [alarm.field for alarm in alarms if alarm.scope in {"field", "relation"} and alarm.field]
        scores = look.scores.column.values
        look.promised = self.promise.estimate(
            scores, lambda: self.learnt.score_company.matrix(*spread(look.values, look.table.rows, MOST_FORETOLD))
        )
        return self.promise.alarms(look.table, scores, look.promised, causes)

    def begin_with(self, batch: pa.Table | pd.DataFrame) -> None:
        """Learn what only a batch tells without judging it, so that the watch can be kept before its first look."""
        self._begin(Batch.of(batch))

    def _begin(self, table: Batch) -> None:
        """What only the first batch tells: which field is the outcome, and whether a batch is a day of the reference."""
        self._begun = True
        outcome = outcome_among(self.learnt, table, self.settings.outcome)
        if outcome is not None:
            if self.settings.outcome is None:
                self.settings.ignore = (*self.settings.ignore, outcome.field)
                self._learn(self.learnt.table, self.learnt.specs)
            self.promise = Promise.fit(self.learnt, outcome, self.settings.seed)
            outcome.values = np.zeros(0)  # learnt from, and no longer needed
        elif self.settings.chances:
            self.promise = Promise.of_chances(self.learnt, self.settings.seed)
        self._learn_days(table)
        self.learnt.forget_records()

    def _learn_days(self, table: Batch) -> None:
        """When the records of a batch share a day, the reference's own days tell how much days differ."""
        for gauge in self.learnt.gauges:
            if gauge.spec.family != "date" or gauge.field not in table.columns:
                continue
            now = table.read(gauge.spec).column.values // DAY
            if not (~np.isnan(now)).any() or np.nanmax(now) - np.nanmin(now) > 1:
                continue
            days = self.learnt.values[gauge.field].column.values // DAY
            known, counts = np.unique(days[~np.isnan(days)], return_counts=True)
            known = known[counts >= LEAST_DAY_ROWS][-MOST_DAYS:]
            if len(known) >= LEAST_DAYS:
                self._as_of = gauge.field
                self.panel.mute(self.learnt.gauges.index(gauge))
                found = [self.panel.together(self.learnt.measure_rows(np.flatnonzero(days == day))) for day in known]
                self.history.learn_days(found)
            return

    def _weekday(self, values: dict[str, Values]) -> int:
        if self._as_of is not None and self._as_of in values:
            moments = values[self._as_of].column.values
            moments = moments[~np.isnan(moments)]
            if len(moments):
                return int(np.median(moments) // DAY + 3) % 7  # 1 January 1970 was a Thursday
        return self.number % 7
