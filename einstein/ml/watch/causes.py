"""What probably happened to a field, told from its values before and now: a change of unit, a swap, a renamed answer, a placeholder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from einstein.ml.types import field_type
from einstein.ml.types.date import as_date
from einstein.ml.types.numbers import to_number
from einstein.ml.watch.evidence import Surprise
from einstein.ml.watch.gauges import Gauge, Measured
from einstein.ml.watch.gauges.category import CategoryGauge
from einstein.ml.watch.gauges.date import DateGauge
from einstein.ml.watch.gauges.number import NumberGauge
from einstein.ml.watch.gauges.ranks import Ranks
from einstein.ml.watch.table import Values

PLACEHOLDERS = {-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, 9.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0, 9999999.0, 99999999.0, 0.0}
PLACEHOLDER_TEXTS = {"n/a", "na", "none", "null", "unknown", "missing", "?", "-", "xxx", "tbd", "-999", "999", "9999", "test", "default", "other"}
QUANTILES = np.array([0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9])
CONVERSIONS = [10.0, 100.0, 1000.0, 10_000.0, 1e6, 60.0, 3600.0, 24.0, 12.0, 7.0, 365.0, 2.54, 3.28, 1.609, 2.205, 4.55, 28.35]
NEAREST_UNITY = 1.4  # a factor nearer to 1 is no change of unit
SAME_FACTOR = 0.10  # by how much quantiles may miss what the factor foretells, in widths of the field
LUMP = 0.8  # of the values beyond the range are one value
SWAP_GAIN = 0.35  # two fields are swapped when each is that much nearer to the other's past than to its own


@dataclass
class Sight:
    """A field's batch with all that was found out about it. `loud` are the names of the stats that are alarming."""

    gauge: Gauge
    values: Values
    found: Measured
    surprise: Surprise
    loud: set[str]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def field(self) -> str:
        return self.gauge.field

    @property
    def strength(self) -> float:
        places = [place for place, stat in enumerate(self.gauge.stats) if stat.name in self.loud]
        return float(np.max(np.abs(self.surprise.z[places]), initial=0.0))

    def share(self, name: str) -> float:
        """What the batch shows of one stat, 0 when it shows nothing."""
        place = next((number for number, stat in enumerate(self.gauge.stats) if stat.name == name), None)
        return 0.0 if place is None or np.isnan(self.found.means[place]) else float(self.found.means[place])

    def usual(self, name: str) -> float:
        place = next(number for number, stat in enumerate(self.gauge.stats) if stat.name == name)
        chosen = self.found.usual[place]
        return float(self.gauge.usual[place] if np.isnan(chosen) else chosen)

    @property
    def filled(self) -> np.ndarray:
        numbers = self.values.column.values
        return numbers[~np.isnan(numbers)]


@dataclass(frozen=True)
class Cause:
    """A kind of fault and the sentence that tells it with numbers. `gross` ones are a warning on any field."""

    kind: str
    words: str
    gross: bool = True


Finder = Callable[[Sight, list[Sight]], Cause | None]


def cause_of(sight: Sight, others: list[Sight]) -> Cause:
    """The first cause that fits; `others` are the other fields of the batch that are alarming."""
    return next(cause for finder in FINDERS if (cause := finder(sight, others)) is not None)


def _blank(sight: Sight, others: list[Sight]) -> Cause | None:
    share = sight.share("blank")
    if share >= 0.999 and "blank" in sight.loud:
        return Cause("empty", f"{sight.field} is empty in all {len(sight.values.column):,} records.")
    if sight.loud != {"blank"} and not ("blank" in sight.loud and share - sight.usual("blank") > 0.2):
        return None
    if share < sight.usual("blank"):
        return Cause("filled", f"{sight.field} is empty in {_percent(share)} of the records; {_percent(sight.usual('blank'))} were usual.", gross=False)
    return Cause("blank", f"{sight.field} is empty in {_percent(share)} of the records instead of {_percent(sight.usual('blank'))}.")


def _unreadable(sight: Sight, others: list[Sight]) -> Cause | None:
    if "unreadable" not in sight.loud:
        return None
    kind = "date" if isinstance(sight.gauge, DateGauge) else "number"
    example = f", such as “{sight.facts['unreadable']}”" if sight.facts.get("unreadable") else ""
    return Cause("unreadable", f"{_percent(sight.share('unreadable'))} of the values of {sight.field} cannot be read as a {kind}{example}. The way they are written has changed.")


def _constant(sight: Sight, others: list[Sight]) -> Cause | None:
    share = max(sight.share("repeated"), max(sight.found.facts.get("share", {"": 0.0}).values(), default=0.0))
    if share < 0.995 or not sight.loud:
        return None
    value = sight.found.facts.get("repeated") if "repeated" in sight.found.facts else max(sight.found.facts["share"], key=sight.found.facts["share"].get)
    if isinstance(sight.gauge, DateGauge) and "repeated" not in sight.loud:
        return None
    return Cause("constant", f"{sight.field} is {_shown(sight, value)} in every record. In training it varied.")


def _unit(sight: Sight, others: list[Sight]) -> Cause | None:
    before, now = _as_numbers(sight)
    if len(now) < 20 or len(before) < 20:
        return None
    factor = _factor(before, now)
    if factor is None:
        return None
    mean, usual = float(now.mean()), float(before.mean())
    if factor < 0:
        return Cause("sign", f"{sight.field} has changed its sign: {_number(mean)} instead of {_number(usual)} on average.")
    times = _round_factor(max(factor, 1 / factor))
    size = f"about {times} times {'larger' if factor > 1 else 'smaller'}"
    return Cause("unit", f"{sight.field} is {size} than in training: {_number(mean)} instead of {_number(usual)} on average. It looks like a change of unit.")


def _round_factor(factor: float) -> str:
    """The factor people convert by when one is near, else the factor itself in two digits."""
    near = min(CONVERSIONS, key=lambda known: abs(np.log(factor / known)))
    return f"{near:,.6g}" if abs(np.log(factor / near)) < 0.15 else f"{factor:,.2g}"


def _as_numbers(sight: Sight) -> tuple[np.ndarray, np.ndarray]:
    """(before, now) as sorted numbers; answers that are numbers count as such. Empty where they are none."""
    if isinstance(sight.gauge, NumberGauge):
        return sight.gauge.ranks.ordered, np.sort(sight.filled)
    if not isinstance(sight.gauge, CategoryGauge):
        return np.zeros(0), np.zeros(0)
    column = sight.values.column
    now = np.array([to_number(level) or np.nan for level in column.levels] + [np.nan])[column.codes]
    shares = {to_number(level): share for level, share in sight.gauge.level_shares.items()}
    if None in shares or np.isnan(now[column.codes >= 0]).mean() > 0.1:
        return np.zeros(0), np.zeros(0)
    before = np.repeat([float(value) for value in shares if value is not None], np.maximum(1, np.round(1000 * np.array(list(shares.values())))).astype(int))
    return np.sort(before), np.sort(now[~np.isnan(now)])


def _factor(before: np.ndarray, now: np.ndarray) -> float | None:
    """By how much all values were multiplied, when that tells the change better than adding something to all of them would."""
    if np.median(before) == 0 or np.median(now) == 0:
        before, now = _without_zeros(before, now)
        if not len(before):
            return None
    then, here = np.quantile(before, QUANTILES), np.quantile(now, QUANTILES)
    if np.median(before) * np.median(now) < 0:
        then = then[::-1]  # the order turns round with the sign
    factor = float(np.dot(then, here) / np.dot(then, then)) if np.dot(then, then) > 0 else 0.0
    if factor == 0 or (factor > 0 and abs(np.log(factor)) < np.log(NEAREST_UNITY)):
        return None
    width = abs(factor) * max(float(then.max() - then.min()), 0.05 * float(np.abs(then).max()))
    by_factor = float(np.abs(here - factor * then).max()) / width
    by_shift = float(np.abs(here - then - np.median(here - then)).max()) / width
    # Beyond fivefold nothing but a factor brings a field there, whatever chance does to its quantiles.
    most = 0.5 if not 0.2 < abs(factor) < 5 else max(SAME_FACTOR, 3.0 / np.sqrt(len(now)))
    return factor if by_factor < most and by_factor < by_shift else None


def _without_zeros(before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A field that is mostly 0: the others, as long as there are as many as ever."""
    kept = before[before != 0], now[now != 0]
    same = abs(len(kept[0]) / len(before) - len(kept[1]) / len(now)) < 0.15
    return kept if same and min(map(len, kept)) >= 5 else (np.zeros(0), np.zeros(0))


def _swapped(sight: Sight, others: list[Sight]) -> Cause | None:
    for other in others:
        if type(other.gauge) is not type(sight.gauge):
            if _strayed(sight, other) or _strayed(other, sight):
                return Cause("swapped", f"{sight.field} and {other.field} seem to be swapped: each holds what the other held in training.")
            continue
        if isinstance(sight.gauge, NumberGauge | DateGauge):
            own, crossed = _numbers_distance(sight, sight), (_numbers_distance(sight, other), _numbers_distance(other, sight))
            own_other = _numbers_distance(other, other)
        elif isinstance(sight.gauge, CategoryGauge):
            own, crossed = _levels_distance(sight, sight), (_levels_distance(sight, other), _levels_distance(other, sight))
            own_other = _levels_distance(other, other)
        else:
            continue
        if max(crossed) < min(own, own_other) * (1 - SWAP_GAIN) and max(crossed) < 0.3:
            return Cause("swapped", f"{sight.field} and {other.field} seem to be swapped: each holds what the other held in training.")
    return None


def _strayed(answers: Sight, numbers: Sight) -> bool:
    """Whether the answers of one field are now what the other, of numbers or dates, used to hold, and the other way round."""
    if not isinstance(answers.gauge, CategoryGauge) or not isinstance(numbers.gauge, NumberGauge | DateGauge):
        return False
    unseen = answers.found.facts.get("unseen", {})
    kind, options = field_type(numbers.gauge.spec.type), numbers.gauge.spec.options
    readable = sum(share for level, share in unseen.items() if kind.parse_one(level, options) is not None)
    if readable < 0.7:
        return False
    known = {to_number(level) for level in answers.gauge.level_shares} - {None}
    return numbers.share("unreadable") > 0.5 or bool(len(numbers.filled) and np.isin(numbers.filled, np.array(list(known), dtype="float64")).mean() > 0.7)


def _numbers_distance(now: Sight, before: Sight) -> float:
    """Kolmogorov and Smirnov's distance between one field's batch and another's reference."""
    ranks: Ranks = before.gauge.ranks  # type: ignore[attr-defined]
    if not len(now.filled):
        return 1.0
    ordered = np.sort(now.filled)
    points = np.unique(np.concatenate([ordered[:: max(1, len(ordered) // 400)], ranks.ordered[:: max(1, len(ranks.ordered) // 400)]]))
    ours = np.searchsorted(ordered, points, side="right") / len(ordered)
    theirs = np.searchsorted(ranks.ordered, points, side="right") / len(ranks.ordered)
    return float(np.abs(ours - theirs).max())


def _levels_distance(now: Sight, before: Sight) -> float:
    """Total variation between one field's batch and another's reference."""
    shares, usual = now.found.facts.get("share", {}), before.gauge.level_shares  # type: ignore[attr-defined]
    return 0.5 * sum(abs(shares.get(level, 0.0) - usual.get(level, 0.0)) for level in {*shares, *usual})


def _placeholder(sight: Sight, others: list[Sight]) -> Cause | None:
    if "repeated" not in sight.loud and "new" not in sight.loud:
        return None
    if isinstance(sight.gauge, CategoryGauge):
        unseen = sight.found.facts.get("unseen", {})
        value = max(unseen, key=unseen.get, default="")
        if value.lower() not in PLACEHOLDER_TEXTS:
            return None
        return _placeholder_words(sight, f"“{value}”", unseen[value], 0.0)
    value, share, usual = sight.found.facts.get("repeated"), sight.share("repeated"), sight.usual("repeated")
    if isinstance(value, str):
        if value.strip().lower() not in PLACEHOLDER_TEXTS:
            return Cause("repeated", f"“{value[:60]}” stands in {_percent(share)} of the records of {sight.field} instead of {_percent(usual)}: one value repeated.")
        return _placeholder_words(sight, f"“{value}”", share, usual)
    ranks: Ranks = sight.gauge.ranks  # type: ignore[attr-defined]
    beyond = value < ranks.low or value > ranks.high
    if isinstance(sight.gauge, DateGauge) or value in PLACEHOLDERS or beyond:
        return _placeholder_words(sight, _shown(sight, value), share, usual)
    return Cause("repeated", f"{_shown(sight, value)} stands in {_percent(share)} of the records of {sight.field} instead of {_percent(usual)}: one value repeated.")


def _lump_beyond(sight: Sight, others: list[Sight]) -> Cause | None:
    """What lies beyond the usual range is one and the same value."""
    if not isinstance(sight.gauge, NumberGauge) or not ({"below", "above", "far"} & sight.loud):
        return None
    ranks = sight.gauge.ranks
    beyond = sight.filled[(sight.filled < ranks.least) | (sight.filled > ranks.greatest)]
    values, counts = np.unique(beyond, return_counts=True)
    if len(beyond) < 3 or counts.max() < LUMP * len(beyond) or len(beyond) > 0.9 * len(sight.filled):
        return None
    return _placeholder_words(sight, _number(float(values[np.argmax(counts)])), len(beyond) / len(sight.filled), 0.0)


def _placeholder_words(sight: Sight, value: str, share: float, usual: float) -> Cause:
    was = f" instead of {_percent(usual)}" if usual > 0.005 else ""
    return Cause("sentinel", f"{value} stands in {_percent(share)} of the records of {sight.field}{was}. It looks like a placeholder (a sentinel) for missing values.")


def _renamed(sight: Sight, others: list[Sight]) -> Cause | None:
    if not isinstance(sight.gauge, CategoryGauge):
        return None
    share, unseen = sight.found.facts.get("share", {}), sight.found.facts.get("unseen", {})
    if not unseen or not ({"unseen", "new"} & sight.loud):
        return None
    plain = {_plain(level): level for level in sight.gauge.level_shares}
    respelt = {level: plain[_plain(level)] for level in unseen if _plain(level) in plain}
    if sum(unseen[level] for level in respelt) >= 0.5 * sum(unseen.values()):
        new = max(respelt, key=lambda level: unseen[level])
        return Cause("renamed", f"Answers of {sight.field} are written otherwise: “{new}” instead of “{respelt[new]}” in {_percent(sum(unseen.values()))} of the records. They look renamed.")
    filled = max(1, int((sight.values.column.codes >= 0).sum()))
    new = max(unseen, key=lambda level: unseen[level])
    gone = {level: usual for level, usual in sight.gauge.level_shares.items() if share.get(level, 0.0) < 0.2 * usual and usual > 0.003}
    near = min(gone, key=lambda level: abs(gone[level] - unseen[new]), default=None)
    if near is not None and abs(gone[near] - unseen[new]) < max(0.25 * gone[near], 3 * np.sqrt(gone[near] / filled)):
        return Cause("renamed", f"“{near}” has vanished from {sight.field} and “{new}” has come in {_percent(unseen[new])} of the records. It looks as if the answer was renamed.")
    return None


def _unseen(sight: Sight, others: list[Sight]) -> Cause | None:
    if not ({"unseen", "new"} & sight.loud):
        return None
    unseen = sight.found.facts.get("unseen", {})
    names = ", ".join(f"“{level[:40]}”" for level in sorted(unseen, key=lambda level: -unseen[level])[:3])
    return Cause("unseen", f"{sight.field} holds answers the model has never seen in {_percent(sum(unseen.values()))} of the records: {names}.")


def _beyond(sight: Sight, others: list[Sight]) -> Cause | None:
    for name, words in (("before", "lie long before"), ("after", "lie far after")):
        if name in sight.loud:
            ranks = sight.gauge.ranks  # type: ignore[attr-defined]
            return Cause("range", f"{_percent(sight.share(name))} of the dates of {sight.field} {words} those of training ({_day(ranks.least)} to {_day(ranks.greatest)}).")
    if not ({"below", "above", "far"} & sight.loud) or not isinstance(sight.gauge, NumberGauge) or _moved_as_a_whole(sight):
        return None
    ranks, share = sight.gauge.ranks, sight.share("below") + sight.share("above")
    worst = sight.filled[np.argmax(np.abs(sight.filled - ranks.mean))]
    usual = sight.usual("below") + sight.usual("above")
    return Cause("range", f"{sight.field} lies outside its usual {_number(ranks.low)} to {_number(ranks.high)} in {_percent(share)} of the records instead of {_percent(usual)}; the farthest is {_number(float(worst))}.", gross=share > 0.3)


def _moved_as_a_whole(sight: Sight) -> bool:
    """Whether all of the field went one way, and only its front is beyond the range."""
    shift = abs(sight.share("rank") - sight.usual("rank"))
    return "rank" in sight.loud and shift > 0.08 and "far" not in sight.loud and sight.share("below") + sight.share("above") < 0.6


def _moved(sight: Sight, others: list[Sight]) -> Cause | None:
    if isinstance(sight.gauge, CategoryGauge):
        changes = {level: sight.found.facts.get("share", {}).get(level, 0.0) - usual for level, usual in sight.gauge.level_shares.items()}
        level = max(changes, key=lambda name: abs(changes[name]), default="")
        now = sight.found.facts.get("share", {}).get(level, 0.0)
        return Cause("mix", f"The answers of {sight.field} come in another mix: “{level}” in {_percent(now)} of the records instead of {_percent(sight.gauge.level_shares.get(level, 0.0))}.", gross=False)
    if isinstance(sight.gauge, NumberGauge):
        ranks, now = sight.gauge.ranks, float(np.median(sight.filled))
        usual = float(ranks.quantiles[2])
        if sight.loud == {"whole"}:
            return Cause("rounding", f"{_percent(sight.share('whole'))} of the values of {sight.field} are whole numbers instead of {_percent(sight.usual('whole'))}. They look rounded, or no longer so.")
        if "rank" in sight.loud and now != usual:
            way = "higher" if sight.share("rank") > sight.usual("rank") else "lower"
            return Cause("moved", f"{sight.field} has moved {way}: its middle value is {_number(now)} instead of {_number(usual)}.", gross=False)
        low, high = np.quantile(sight.filled, [0.25, 0.75])
        return Cause("spread", f"{sight.field} is spread otherwise: the middle half lies between {_number(low)} and {_number(high)} instead of {_number(ranks.quantiles[1])} and {_number(ranks.quantiles[3])}.", gross=False)
    if isinstance(sight.gauge, DateGauge):
        return Cause("moved", f"The dates of {sight.field} are spread otherwise than before.", gross=False)
    names = ", ".join(sorted(sight.loud))
    return Cause("form", f"The texts of {sight.field} look otherwise than in training ({names}).", gross=False)


FINDERS: list[Finder] = [_blank, _constant, _swapped, _unreadable, _unit, _renamed, _placeholder, _lump_beyond, _unseen, _beyond, _moved]


def _plain(level: str) -> str:
    return "".join(character for character in level.casefold() if character.isalnum())


def _shown(sight: Sight, value: Any) -> str:
    if isinstance(sight.gauge, DateGauge):
        return _day(value)
    return f"“{value[:60]}”" if isinstance(value, str) else _number(float(value))


def _day(seconds: float) -> str:
    try:
        return f"{as_date(seconds):%d %b %Y}"
    except (OverflowError, ValueError):
        return "a date that cannot be"


def _number(value: float) -> str:
    """Four digits that count, thousands parted."""
    if value == 0 or 1e-4 <= abs(value) < 1e15:
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:.3g}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.095 or share == 0 else f"{100 * share:.1f}%"
