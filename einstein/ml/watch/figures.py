"""One figure a field for people to look at: a middle value or a share in the field's own units, and the band in which it is usual."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from einstein.ml.watch.gauges import Gauge
from einstein.ml.watch.gauges.category import CategoryGauge
from einstein.ml.watch.gauges.date import DateGauge
from einstein.ml.watch.gauges.number import NumberGauge
from einstein.ml.watch.gauges.text import TextGauge
from einstein.ml.watch.watcher import Look, Watcher

OUTSIDE = {NumberGauge: ("below", "above"), DateGauge: ("before", "after"), CategoryGauge: ("unseen",)}


@dataclass(frozen=True)
class Figure:
    """A field in one batch. `what` says what `value` is ("middle", "share", "length" or "filled"), `of` of which answer; shares are 0 to 1.

    `strange` is how far the field is from usual, where 1 is the size that alarms.
    """

    field: str
    what: str
    of: str
    value: float | None
    low: float
    high: float
    blank: float
    outside: float
    strange: float


def figures(watcher: Watcher) -> list[Figure]:
    """Of every field of the batch looked at last, in the reference's order; none before the first."""
    look = watcher.seen
    if look is None:
        return []
    reach = _reach(watcher, look)
    least_z = float(norm.isf(watcher.alpha() / 2))
    found = []
    for place, gauge in enumerate(watcher.learnt.gauges):
        part = watcher.panel.parts[place]
        strange = np.abs(look.heard[place].surprise.z) / least_z
        moved = np.abs(look.heard[place].surprise.change) / watcher.panel.least[part]
        worst = float(np.max(np.minimum(strange, moved), initial=0.0))
        found.append(_figure(gauge, look, place, reach[part], worst))
    return found


def _reach(watcher: Watcher, look: Look) -> np.ndarray:
    """How far each stat, (stats,), may be from usual before it alarms at this batch's size."""
    panel, history = watcher.panel, watcher.history
    tau2 = history.tau2(max(watcher.shared[-1:], default=0.0))
    spread = panel.sd * np.sqrt(1 / np.maximum(look.together.counts, 1) + 1 / panel.known + tau2)
    return np.maximum(panel.least, norm.isf(watcher.alpha() / 2) * spread)


def _figure(gauge: Gauge, look: Look, place: int, reach: np.ndarray, strange: float) -> Figure:
    stats = {stat.name: number for number, stat in enumerate(gauge.stats)}
    found = look.found[place]
    means = np.zeros(len(stats)) if found is None else np.nan_to_num(found.means)
    blank = 1.0 if found is None else float(means[stats["blank"]])
    outside = sum(
        float(means[stats[name]]) for kind, names in OUTSIDE.items() if isinstance(gauge, kind) for name in names
    )

    def made(what: str, of: str, value: float | None, low: float, high: float) -> Figure:
        return Figure(gauge.field, what, of, value if found is not None else None, low, high, blank, outside, strange)

    if isinstance(gauge, NumberGauge):
        filled = look.values[gauge.field].column.values if gauge.field in look.values else np.zeros(0)
        filled = filled[~np.isnan(filled)]
        low, high = _quantiles(gauge.ranks.ordered, reach[stats["rank"]])
        return made("middle", "", float(np.median(filled)) if len(filled) else None, low, high)
    if isinstance(gauge, CategoryGauge) and gauge.levels:
        usual, width = float(gauge.usual[stats["level 0"]]), float(reach[stats["level 0"]])
        return made(
            "share", gauge.levels[0], float(means[stats["level 0"]]), max(0.0, usual - width), min(1.0, usual + width)
        )
    if isinstance(gauge, TextGauge) and "length" in stats:
        texts = look.values[gauge.field].column if gauge.field in look.values else None
        low, high = _quantiles(gauge.lengths.ordered, reach[stats["length"]])
        return made("length", "", _middle_length(texts), low, high)
    usual, width = float(gauge.usual[stats["blank"]]), float(reach[stats["blank"]])
    return made("filled", "", 1 - blank, max(0.0, 1 - usual - width), min(1.0, 1 - usual + width))


def _quantiles(ordered: np.ndarray, reach: float) -> tuple[float, float]:
    """The reference's values so far below and above its middle."""
    low, high = np.quantile(ordered, [max(0.0, 0.5 - reach), min(1.0, 0.5 + reach)])
    return float(low), float(high)


def _middle_length(texts: object) -> float | None:
    codes, levels = getattr(texts, "codes", np.zeros(0, dtype=int)), getattr(texts, "levels", [])
    filled = codes[codes >= 0]
    return float(np.median(np.array([len(level) for level in levels])[filled])) if len(filled) else None
