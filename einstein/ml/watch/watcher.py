"""The watch over one stream of batches: learn a reference, then judge batch after batch by it and by the batches before.

How alarms are kept rare: each of the stats of a batch is judged at the budget's share (Bonferroni over stats and windows), and a change
must also be large enough to matter. Faults of the feed itself (fields gone, a batch seen before, nothing in it) need no statistics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from einstein.ml.schema import FieldSpec, detect
from einstein.ml.watch.alarms import GRAVITY, Alarm, Follow
from einstein.ml.watch.causes import Sight, cause_of
from einstein.ml.watch.content import Content, Repeats
from einstein.ml.watch.evidence import FLOOR, WINDOWS, History, Panel, Surprise
from einstein.ml.watch.expected import Errors, Ranking
from einstein.ml.watch.gauges import Gauge, Measured, gauge_of
from einstein.ml.watch.gauges.number import ScoreGauge
from einstein.ml.watch.outcome import Outcome, outcome_of, performance_alarm
from einstein.ml.watch.relations import Company, ScoreCompany
from einstein.ml.watch.score import score_alarm
from einstein.ml.watch.table import Batch, Values
from einstein.ml.watch.volume import Volume

BUDGET = 0.1  # false alarms per 100 batches (DEFAULTS)
DAY = 86_400.0
LEAST_DAYS, LEAST_DAY_ROWS, MOST_DAYS = 5, 20, 120
UNKNOWN = 0.05  # tau taken for granted until the stream's own can be told
NOW_CAP = 0.12**2  # how much of tau squared one batch alone may claim for itself
STILL = 3.0  # an open alert is not over while the batch alone says so much
SAME_WAY = 1.5  # a window alarms only while its newest batch leans the same way
LEAST_FIELDS, MEDIAN_TO_MEAN = 4, 1.2  # fields before their middle one speaks for all; by how much a mean of few chi-squares exceeds its median
LIGHT = 0.02  # share of the effect below which a field is hardly used


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
    seed: int = 0


@dataclass
class Seen:
    """What one batch showed: lines for alerts.jsonl, and per field what was measured."""

    lines: list[dict[str, Any]]
    measured: dict[str, Measured] = field(default_factory=dict)
    rows: int = 0


@dataclass
class Heard:
    """What one gauge says of a batch: the surprise, the names of its alarming stats, and whether an alert that is open is not over yet."""

    surprise: Surprise
    loud: set[str]
    still: bool


class Watcher:
    """Watches one stream. `look` must be given the batches in order; the state is in memory and small."""

    def __init__(self, reference: pa.Table | pd.DataFrame, settings: Settings) -> None:
        self.settings = settings
        table = Batch.of(reference)
        self.rows = table.rows
        self.score_spec = FieldSpec(settings.score, "number")
        self._learn(table, settings.specs or _detected(table))
        self.volume, self.follow = Volume(settings.weekly), Follow()
        self.performance: Ranking | Errors | None = None
        self.outcome: Outcome | None = None
        self._candidates = self._outcomes(table)
        self.shared: list[float] = []
        self.number = 0
        self._as_of: str | None = None

    def _learn(self, table: Batch, specs: list[FieldSpec]) -> None:
        """Everything that rests on the reference alone."""
        left_out = {self.settings.score, self.settings.outcome, *self.settings.ignore}
        self.specs = [spec for spec in specs if spec.name not in left_out and spec.name in table.columns]
        values = {spec.name: table.read(spec) for spec in self.specs}
        self.gauges = [gauge_of(spec).fit(values[spec.name]) for spec in self.specs if _tells(values[spec.name])]
        self.score = self._score_gauge(table)
        self.company = Company(self.gauges).fit(values, self.rows)
        self.score_company = ScoreCompany(self.gauges, self.score)
        if self.score is not None:
            self.score_values = table.read(self.score_spec)
            self.score_company.fit(values, self.score_values, self.settings.seed)
        self.panel = Panel(self._all_gauges())
        self.history = History(self.panel)
        self.content = Content([gauge.field for gauge in self.gauges], _key_of(self.specs, values), table)
        self._reference = (table, values)

    def _score_gauge(self, table: Batch) -> ScoreGauge | None:
        if self.settings.score not in table.columns:
            return None
        values = table.read(self.score_spec)
        gauge = ScoreGauge(self.score_spec)
        return gauge.fit(values) if _tells(values) else None  # type: ignore[return-value]

    def _all_gauges(self) -> list[Gauge]:
        extra = [self.score] if self.score else []
        company = [self.score_company.gauge] if self.score_company.gauge else []
        return [*self.gauges, *extra, *self.company.gauges, *company]

    def alpha(self) -> float:
        """What the p-value of one stat must stay below for the budget to hold."""
        stats = sum(len(gauge.stats) for gauge in self._all_gauges())
        return self.settings.budget / 100 / max(1, stats * len(WINDOWS))

    def look(self, batch: pa.Table | pd.DataFrame, day: int | None = None) -> Seen:
        """Judge the next batch; `day` is its day of the week, else told from a date that all its records share, else counted."""
        self.number += 1
        table = Batch.of(batch)
        if table.rows == 0:
            self.number -= 1
            return Seen(self.refuse(_empty()))
        values = {gauge.field: table.read(gauge.spec) for gauge in self.gauges if gauge.field in table.columns}
        if self.number == 1:
            self._begin(table, values)
        found = self._measured(table, values)
        heard = self._hear(found)
        alarms = self._feed_alarms(table, values, day) + self._field_alarms(table, values, found, heard)
        explained = bool(alarms)
        alarms += self._relation_alarm(values, table.rows, heard, explained) + self._score_alarm(table, found, heard, explained)
        alarms += self._performance_alarm(table, values, alarms)
        alarms.sort(key=lambda alarm: (_rank(alarm), -alarm.strength))
        return Seen(self._followed(alarms, found, heard), dict(zip([gauge.field for gauge in self.gauges], found, strict=False)), table.rows)

    def refuse(self, alarm: Alarm) -> list[dict[str, Any]]:
        """A batch with nothing in it to judge: one alarm, and whatever is open stays so."""
        self.number += 1
        return self.follow.step(self.number, [alarm], set(self.follow.open))

    def _measured(self, table: Batch, values: dict[str, Values]) -> list[Measured | None]:
        """What each gauge of the panel shows, in its order."""
        found: list[Measured | None] = [gauge.measure(values[gauge.field]) if gauge.field in values else None for gauge in self.gauges]
        self._scores = table.read(self.score_spec) if self.score and self.settings.score in table.columns else None
        if self.score:
            found.append(self.score.measure(self._scores) if self._scores else None)
        found += self.company.measure(values, table.rows)
        if self.score_company.gauge:
            found.append(self.score_company.measure(values, self._scores) if self._scores else None)
        return found

    def _hear(self, found: list[Measured | None]) -> list[Heard]:
        """Judge the whole panel at once; per gauge what is alarming."""
        batch = self.panel.together(found)
        surprise = self.history.judge(batch, self._shared_tau(batch))
        loud = (surprise.log_p < np.log(self.alpha())) & (np.abs(surprise.change) >= self.panel.least)
        loud &= (np.sign(surprise.z) == np.sign(surprise.alone)) & (np.abs(surprise.alone) > SAME_WAY)
        still = (np.abs(surprise.alone) > STILL) & (np.abs(surprise.alone_change) >= self.panel.least / 2)
        self._batch = batch
        return [
            Heard(surprise.part(part), {gauge.stats[place].name for place in np.flatnonzero(loud[part])}, bool(still[part].any()))
            for gauge, part in zip(self.panel.gauges, self.panel.parts, strict=True)
        ]

    def _followed(self, alarms: list[Alarm], found: list[Measured | None], heard: list[Heard]) -> list[dict[str, Any]]:
        """Let the alerts follow, and learn from what was quiet."""
        sounded = {alarm.key for alarm in alarms}
        keys = [(self._scope(gauge), gauge.field) for gauge in self.panel.gauges]
        lingering = {key for key, one in zip(keys, heard, strict=True) if key in self.follow.open and (one.still or one.loud)} - sounded
        broken = any(alarm.scope == "feed" for alarm in alarms)
        quiet = [not one.loud and key not in sounded and key not in lingering and not broken for key, one in zip(keys, heard, strict=True)]
        self.history.accept(self._batch, np.array(quiet, dtype=bool))
        return self.follow.step(self.number, alarms, lingering)

    def _scope(self, gauge: Gauge) -> str:
        if gauge is self.score or gauge is self.score_company.gauge:
            return "score"
        return "relation" if gauge in self.company.gauges else "field"

    def _shared_tau(self, batch: Measured) -> float:
        """tau squared that fields have in common: from the past, and from this batch by what its middle field says."""
        excess = self.history.field_excess(batch)[: len(self.gauges)]
        excess = excess[~np.isnan(excess)]
        now = float(np.median(excess)) * MEDIAN_TO_MEAN if len(excess) >= LEAST_FIELDS else 0.0
        past = (LEAST_FIELDS * UNKNOWN**2 + sum(self.shared)) / (LEAST_FIELDS + len(self.shared))
        if len(excess) >= LEAST_FIELDS:
            self.shared = [*self.shared, min(now, 4 * NOW_CAP)][-60:]
        return max(FLOOR**2, past, min(now, NOW_CAP))

    def _feed_alarms(self, table: Batch, values: dict[str, Values], day: int | None) -> list[Alarm]:
        weekday = self._weekday(values) if day is None else day
        return _repeat_alarms(self.content.look(table, self.number), self.content.key) + self._volume_alarm(table.rows, weekday)

    def _field_alarms(self, table: Batch, values: dict[str, Values], found: list[Measured | None], heard: list[Heard]) -> list[Alarm]:
        gone = [_gone(gauge.field, table, self.specs) for gauge in self.gauges if gauge.field not in values]
        sights = [
            Sight(gauge, values[gauge.field], one, ear.surprise, ear.loud)
            for gauge, one, ear in zip(self.gauges, found, heard, strict=False)
            if ear.loud and one is not None
        ]
        return gone + [self._field_alarm(sight, [other for other in sights if other is not sight]) for sight in sights]

    def _field_alarm(self, sight: Sight, others: list[Sight]) -> Alarm:
        if "unreadable" in sight.loud:
            sight.facts["unreadable"] = _example(sight.values)
        cause = cause_of(sight, others)
        weight = None if self.settings.importance is None else self.settings.importance.get(sight.field, 0.0)
        severity = "warning" if cause.gross or weight is None or weight >= LIGHT else "info"
        bonus = 1000.0 if cause.kind in {"empty", "constant", "unit", "swapped"} else 0.0
        return Alarm("field", f"field_{cause.kind}", sight.field, severity, cause.words, sight.strength + bonus, cause.kind)

    def _relation_alarm(self, values: dict[str, Values], rows: int, heard: list[Heard], explained: bool) -> list[Alarm]:
        """The field that keeps other company than before; what one field alone explains already is not told twice."""
        first = len(self.gauges) + bool(self.score)
        found = [
            (float(one.surprise.z[0]), gauge.field)
            for gauge, one in zip(self.company.gauges, heard[first : first + len(self.company.gauges)], strict=True)
            if one.loud and one.surprise.change[0] > 0
        ]
        if explained or not found:
            return []
        strength, name = max(found)[0], self.company.stranger(values, rows, [field for _, field in found])
        message = f"{name} no longer goes together with the other fields as it did in training. Its values may belong to other records."
        return [Alarm("relation", "field_relation", name, "warning", message, strength, "relation")]

    def _score_alarm(self, table: Batch, found: list[Measured | None], heard: list[Heard], explained: bool) -> list[Alarm]:
        if self.score is None:
            return []
        place = len(self.gauges)
        one = found[place]
        if self._scores is None or one is None:
            return [Alarm("score", "scores_missing", self.settings.score, "critical", "The batch holds no scores at all.", 1e6, "gone")]
        sight = Sight(self.score, self._scores, one, heard[place].surprise, heard[place].loud)
        given = heard[-1].surprise if self.score_company.gauge and heard[-1].loud and not explained else None
        alarm = score_alarm(sight, given, explained)
        return [alarm] if alarm else []

    def _performance_alarm(self, table: Batch, values: dict[str, Values], alarms: list[Alarm]) -> list[Alarm]:
        """What the scores promise, and what came true, against the reference; the alarmed fields are named as its cause."""
        scores = self._scores.column.values if self._scores else np.zeros(0)
        known = ~np.isnan(scores)
        if self.performance is None or self.outcome is None or not known.any():
            return []
        verdicts = []
        if isinstance(self.performance, Ranking):
            verdicts.append(self.performance.judge(scores[known]))
            if self.outcome.field in table.columns:
                came = self.outcome.of(table)
                there = known & ~np.isnan(came)
                verdicts.append(self.performance.judge_realised(came[there], scores[there]) if there.any() else None)
        else:
            verdicts.append(self.performance.judge(self.score_company.matrix(values, table.rows)))
        told = [verdict for verdict in verdicts if verdict is not None]
        worse = [verdict for verdict in told if verdict.is_worse]
        if not worse:
            if isinstance(self.performance, Ranking) and told:
                self.performance.accept(told[0])
            return []
        causes = [alarm.field for alarm in alarms if alarm.scope in {"field", "relation"} and alarm.field]
        return [performance_alarm(worse[-1], causes)]

    def _outcomes(self, table: Batch) -> list[Outcome]:
        """Fields of the reference that the score foretells, any of which may turn out to be what came true."""
        if self.score is None:
            return []
        names = [self.settings.outcome] if self.settings.outcome else [spec.name for spec in self.specs]
        found = [outcome_of(table, name, self.score_values.column.values) for name in names if name in table.columns]
        return [outcome for outcome in found if outcome is not None]

    def _begin(self, table: Batch, values: dict[str, Values]) -> None:
        """What only the first batch tells: which field is the outcome, and whether a batch is a day of the reference."""
        chosen = [one for one in self._candidates if one.field == self.settings.outcome or one.field not in table.columns]
        if chosen and self.score is not None:
            self.outcome = max(chosen, key=lambda one: one.strength)
            if self.settings.outcome is None:
                self.settings.ignore = (*self.settings.ignore, self.outcome.field)
                self._learn(self._reference[0], self.specs)
            self._promise(self.outcome, self.score)
        self._candidates = []
        self._learn_days(values)
        self._reference = (Batch({}, 0), {})  # not needed again, and large

    def _promise(self, outcome: Outcome, score: ScoreGauge) -> None:
        """Learn what the scores promise, and how well they kept it on the reference."""
        scores, came = self.score_values.column.values, outcome.values
        there = ~np.isnan(scores) & ~np.isnan(came)
        if outcome.binary and score.ranks.least >= 0 and score.ranks.greatest <= 1:
            self.performance = Ranking.fit(came[there], scores[there], self.settings.seed)
        elif not outcome.binary and self.score_company.gauge is not None:
            features = self.score_company.matrix(self._reference[1], self.rows)
            self.performance = Errors.fit(came[there], scores[there], features[there], self.settings.seed)

    def _volume_alarm(self, rows: int, weekday: int) -> list[Alarm]:
        factor, usual = self.volume.factor(rows, weekday), self.volume.usual(weekday)
        if factor is None or usual is None:
            self.volume.accept(rows, weekday)
            return []
        message = f"{rows:,} records arrived; about {np.exp(sum(usual) / 2):,.0f} are usual."
        return [Alarm("feed", "volume", None, "warning", message + (" The batch may be cut off." if factor < 1 else ""), 50.0, "volume")]

    def _weekday(self, values: dict[str, Values]) -> int:
        if self._as_of is not None and self._as_of in values:
            moments = values[self._as_of].column.values
            moments = moments[~np.isnan(moments)]
            if len(moments):
                return int(np.median(moments) // DAY + 3) % 7  # 1 January 1970 was a Thursday
        return self.number % 7

    def _learn_days(self, values: dict[str, Values]) -> None:
        """When the records of a batch share a day, the reference's own days tell how much days differ."""
        _, reference = self._reference
        for gauge in self.gauges:
            if gauge.spec.family != "date" or gauge.field not in values:
                continue
            now = values[gauge.field].column.values // DAY
            if not (~np.isnan(now)).any() or np.nanmax(now) - np.nanmin(now) > 1:
                continue
            days = reference[gauge.field].column.values // DAY
            known, counts = np.unique(days[~np.isnan(days)], return_counts=True)
            known = known[counts >= LEAST_DAY_ROWS][-MOST_DAYS:]
            if len(known) >= LEAST_DAYS:
                self._as_of = gauge.field
                self.panel.mute(self.gauges.index(gauge))
                self._learn_from([np.flatnonzero(days == day) for day in known], reference)
            break

    def _learn_from(self, days: list[np.ndarray], reference: dict[str, Values]) -> None:
        for day in days:
            part = {name: _rows(whole, day) for name, whole in reference.items()}
            found: list[Measured | None] = [None if gauge.field == self._as_of else gauge.measure(part[gauge.field]) for gauge in self.gauges]
            scores = _rows(self.score_values, day) if self.score else None
            if self.score:
                found.append(self.score.measure(scores))
            found += self.company.measure(part, len(day))
            if self.score_company.gauge:
                found.append(self.score_company.measure(part, scores))
            self.history.learn_days([self.panel.together(found)])


def _detected(table: Batch) -> list[FieldSpec]:
    found = []
    for name in table.columns:
        texts = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([table.text(name)])))
        found.append(detect(name, texts))
    return found


def _tells(values: Values) -> bool:
    """Whether the reference holds anything to compare with."""
    return len(values.column) > 0 and not values.column.blank.all()


def _rows(values: Values, rows: np.ndarray) -> Values:
    return Values(values.column.take(rows), values.unreadable[rows])


def _key_of(specs: list[FieldSpec], values: dict[str, Values]) -> str | None:
    """The first id field that names each record of the reference."""
    for spec in specs:
        column = values[spec.name].column
        if spec.type == "id" and column.numbers is None and not column.blank.any() and len(np.unique(column.codes)) == len(column):
            return spec.name
    return None


def _rank(alarm: Alarm) -> tuple[int, int]:
    order = {"feed": 0, "field": 1, "relation": 2, "score": 3, "performance": 4}
    return order[alarm.scope], GRAVITY[alarm.severity]


def _empty() -> Alarm:
    return Alarm("feed", "empty_batch", None, "critical", "The batch holds no records.", 1e6, "empty")


def _gone(name: str, table: Batch, specs: list[FieldSpec]) -> Alarm:
    known = {spec.name for spec in specs}
    like = [other for other in table.columns if other not in known and _bare(other) == _bare(name)]
    hint = f" There is a field {like[0]} now; it may have been renamed." if like else ""
    return Alarm("field", "field_gone", name, "warning", f"The field {name} is gone.{hint}", 1e6, "gone")


def _bare(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def _repeat_alarms(repeats: Repeats, key: str | None) -> list[Alarm]:
    """At most one: what repeats is told once, the plainest first."""
    if repeats.same_as is not None:
        words = f"The batch holds the same records as batch {repeats.same_as}. The source may have stopped sending new ones."
        return [Alarm("feed", "stale_batch", None, "critical", words, 1e6, "stale")]
    if repeats.doubled:
        return [Alarm("feed", "duplicated_batch", None, "warning", "Every record is in the batch twice.", 1e6, "duplicated")]
    if repeats.keys_strange:
        words = f"{repeats.keys:.0%} of the records have a {key} that another record of the batch has too. They should be different."
        return [Alarm("feed", "repeated_keys", key, "warning", words, 1e5, "repeated_keys")]
    if repeats.rows_strange:
        return [Alarm("feed", "duplicated_batch", None, "warning", f"{repeats.rows:.0%} of the records are in the batch more than once.", 1e5, "duplicated")]
    if repeats.old_strange:
        words = f"{repeats.old:.0%} of the records were in the batch before already. The source may have stopped sending new ones."
        return [Alarm("feed", "stale_batch", None, "warning", words, 1e5, "stale")]
    return []


def _example(values: Values) -> str:
    return ""
