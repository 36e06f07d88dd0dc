"""How surprising a batch is for one field, by the reference and by how much the field has varied from batch to batch so far.

A mean of n records differs from the reference's mean of N records by chance, with variance sd^2 (1/n + 1/N); and because no day is
like another, with sd^2 tau^2 more (a random-effects model; DerSimonian and Laird 1986). tau is learnt by the method of moments from the
reference's own days and from earlier batches that raised no alarm, shrunk towards the other fields, and never taken as less than 0.03.
Where tau is uncertain, Student's t with Satterthwaite's degrees of freedom (1946) takes the normal's place. Shares near 0 or 1 are
judged by the signed root of the likelihood ratio, which is exact enough at a handful of records where a z-score is not.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtr

from einstein.ml.watch.gauges.base import Gauge, Measured

FLOOR = 0.03  # least tau, in standard deviations of single records
PRIOR = 6.0  # how many batches the other fields' tau is worth
WINDOWS = (1, 3, 6)  # batches looked at together
LATE = 2  # batches are learnt from so many batches later, should they turn out to be the beginning of something
TRIAL = 3  # batches before stats on trial count
MEMORY = 90  # batches that the usual level and its variation go back to
CARRY = 0.3  # correlation of one batch with the next, assumed until it can be told


class Panel:
    """All gauges of a stream side by side: flat arrays over every stat, shape (stats,), and which gauge each belongs to."""

    def __init__(self, gauges: list[Gauge]) -> None:
        self.gauges = gauges
        sizes = [len(gauge.stats) for gauge in gauges]
        edges = np.cumsum([0, *sizes])
        self.parts = [slice(edges[place], edges[place + 1]) for place in range(len(gauges))]
        self.owner = np.repeat(np.arange(len(gauges)), sizes)
        self.usual, self.sd, self.known = (_flat(gauges, name) for name in ("usual", "sd", "known"))
        self.least = _flat(gauges, "least")
        self.is_mean, self.trial, self.common = (
            _flat(gauges, name).astype(bool) for name in ("is_mean", "trial", "common")
        )
        self.early = np.concatenate([gauge.earliness() for gauge in gauges]) if gauges else np.zeros(0)

    def mute(self, place: int) -> None:
        """The stats on trial of one gauge never count: its date is the day of the batch, and no two days are alike."""
        part = self.parts[place]
        self.least[part] = np.where(self.trial[part], np.inf, self.least[part])

    def together(self, found: list[Measured | None]) -> Measured:
        """What each gauge measured as one; None where there was nothing to measure."""
        parts = [one or _nothing(len(gauge.stats)) for one, gauge in zip(found, self.gauges, strict=True)]
        means, counts, usual, known = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("means", "counts", "usual", "known")
        )
        return Measured(means, counts, usual, known)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over the stats of each gauge, (gauges,)."""
        return np.bincount(self.owner, weights=values, minlength=len(self.gauges))


def _nothing(stats: int) -> Measured:
    blank = np.full(stats, np.nan)
    return Measured(blank, np.zeros(stats), blank, blank)


@dataclass
class Surprise:
    """What each stat of a batch says, all (stats,): the change from usual and its signed z by the best window, those of this batch alone, log p."""

    change: np.ndarray
    z: np.ndarray
    alone: np.ndarray
    alone_change: np.ndarray
    log_p: np.ndarray

    def part(self, place: slice) -> Surprise:
        """The stats of one gauge."""
        return Surprise(
            self.change[place], self.z[place], self.alone[place], self.alone_change[place], self.log_p[place]
        )


class History:
    """The earlier batches of a stream: a few numbers per stat and the last few batches."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        stats = len(panel.usual)
        self.excess, self.batches = np.zeros(stats), np.zeros(stats)
        self.learnt = np.zeros((2, stats))  # records, and records times mean
        self.pending: deque[Measured] = deque(maxlen=LATE)
        self.recent: deque[Measured] = deque(maxlen=max(WINDOWS) - 1)

    def memory(self) -> dict[str, Any]:
        """Everything but the panel, for `resume`."""
        return {
            "excess": self.excess,
            "batches": self.batches,
            "learnt": self.learnt,
            "pending": self.pending,
            "recent": self.recent,
        }

    def resume(self, memory: dict[str, Any]) -> None:
        """Go on where `memory` was taken."""
        self.excess, self.batches, self.learnt = memory["excess"], memory["batches"], memory["learnt"]
        self.pending, self.recent = memory["pending"], memory["recent"]

    def level(self) -> tuple[np.ndarray, np.ndarray]:
        """(usual, records it rests on) of the reference and what was learnt since."""
        records = self.panel.known + self.learnt[0]
        return (self.panel.known * self.panel.usual + self.learnt[1]) / records, records

    def excess_of(self, batch: Measured) -> np.ndarray:
        """Squared deviation beyond chance, in variances of single records; 0 where there is nothing to compare."""
        usual, known = self.level()
        deviation = (batch.means - usual) / self.panel.sd
        found = deviation**2 - 1 / np.maximum(batch.counts, 1) - 1 / known
        return np.where(batch.counts > 0, np.minimum(np.nan_to_num(found), 4.0), 0.0)

    def field_excess(self, batch: Measured) -> np.ndarray:
        """The same as one number a gauge: the mean over the stats that can tell, NaN where none can; (gauges,)."""
        telling = self.panel.common & (batch.counts > 0)
        count = self.panel.sums(telling)
        with np.errstate(invalid="ignore"):
            return self.panel.sums(self.excess_of(batch) * telling) / np.where(count > 0, count, np.nan)

    def tau2(self, shared: float) -> np.ndarray:
        """tau squared per stat: its own past, shrunk to the gauge's, shrunk to what all fields `shared`."""
        panel = self.panel
        pooled = panel.sums(self.excess * panel.common) / np.maximum(panel.sums(panel.common), 1)
        of_gauge = np.maximum(FLOOR**2, (PRIOR * shared + pooled[panel.owner]) / (PRIOR + self.batches))
        own = (PRIOR * of_gauge + self.excess) / (PRIOR + self.batches)
        return np.where(panel.common, np.maximum(own, FLOOR**2), of_gauge)

    def learn_days(self, days: list[Measured]) -> None:
        """Take in the reference's own days; each is part of the reference, so its chance variance is 1/n - 1/N."""
        for day in days:
            deviation = (day.means - self.panel.usual) / self.panel.sd
            chance = 1 / np.maximum(day.counts, 1) - 1 / self.panel.known
            there = day.counts > 0
            self._add(np.where(there, np.minimum(np.nan_to_num(deviation**2 - chance), 4.0), 0.0), there)

    def accept(self, batch: Measured, quiet: np.ndarray) -> None:
        """Take in a batch where gauges were `quiet`, (gauges,); the one before last is learnt from now."""
        counts = np.where(quiet[self.panel.owner], batch.counts, 0.0)
        batch = Measured(batch.means, counts, batch.usual, batch.known)
        if len(self.pending) == LATE:
            old = self.pending[0]
            there = old.counts > 0
            self._add(self.excess_of(old), there)
            weight = np.where(there, np.minimum(old.counts, self.panel.known / 10), 0.0)
            self.learnt += np.array([weight, weight * np.nan_to_num(old.means)])
        self.pending.append(batch)
        self.recent.append(batch)

    def _add(self, excess: np.ndarray, there: np.ndarray) -> None:
        fade = np.where(there & (self.batches >= MEMORY), 1 - 1 / MEMORY, 1.0)
        self.excess, self.batches, self.learnt = (
            self.excess * fade + excess,
            self.batches * fade + there,
            self.learnt * fade,
        )

    def judge(self, batch: Measured, shared: float) -> Surprise:
        """Compare this batch alone, and together with the ones before it, with what is usual."""
        usual, known = self.level()
        own = ~np.isnan(batch.usual)  # what this batch chose to count says nothing about the ones before it
        usual = np.where(own, np.minimum(np.nan_to_num(batch.usual), 1.0), usual)
        known = np.where(own, np.where(np.isnan(batch.known), self.panel.known, batch.known), known)
        # Where it says on how many records the usual rests, that is the most an ordinary day brings, variation and all.
        tau2 = np.where(np.isnan(batch.known), self.tau2(shared), 0.0)
        earlier = list(self.recent)
        found = [
            self._judge(_together([*earlier[len(earlier) + 1 - size :], batch]), usual, known, tau2)
            for size in WINDOWS
            if size <= len(earlier) + 1
        ]
        less = own & (found[0][0] < 0)  # less of it than the most that is usual is nothing
        for _, _, log_p in found[1:]:
            log_p[own] = 0.0
        for part in found[0]:
            part[less] = 0.0
        best = np.argmin([log_p for _, _, log_p in found], axis=0)
        change, z, log_p = (np.choose(best, [item[part] for item in found]) for part in range(3))
        # Before the first batches have shown how they differ from the reference, only large changes count.
        ready = (self.batches >= TRIAL) | (~self.panel.trial & (np.abs(change) >= self.panel.early * self.panel.least))
        return Surprise(change, z, found[0][1], found[0][0], np.where(ready, log_p, 0.0))

    def _judge(
        self, window: Window, usual: np.ndarray, known: np.ndarray, tau2: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        size = 1 / (1 / np.maximum(window.counts, 1) + 1 / known + tau2 * window.carry)
        change = np.where(window.counts > 0, window.means - usual, 0.0)
        z = np.where(
            self.panel.is_mean,
            change / self.panel.sd * np.sqrt(size),
            root_likelihood(usual + change, (usual * known + 0.5) / (known + 1), size),
        )
        uncertain = tau2 * window.carry * size  # the part of the variance that tau is
        freedom = (PRIOR + self.batches) / np.maximum(uncertain**2, 1e-6)
        with np.errstate(divide="ignore"):
            return change, z, np.log(2 * stdtr(freedom, -np.abs(z)))


@dataclass
class Window:
    """Some batches as one: weighted means and record counts (stats,), and how much of tau squared is left, (stats,)."""

    means: np.ndarray
    counts: np.ndarray
    carry: np.ndarray


def _together(batches: list[Measured]) -> Window:
    counts = np.array([batch.counts for batch in batches])
    means = np.nan_to_num(np.array([batch.means for batch in batches]))
    total = counts.sum(axis=0)
    weights = counts / np.maximum(total, 1)
    apart = np.abs(np.subtract.outer(np.arange(len(batches)), np.arange(len(batches))))
    return Window((weights * means).sum(axis=0), total, (weights * (CARRY**apart @ weights)).sum(axis=0))


def _flat(gauges: list[Gauge], name: str) -> np.ndarray:
    return (
        np.concatenate([np.asarray(getattr(gauge, name), dtype="float64") for gauge in gauges])
        if gauges
        else np.zeros(0)
    )


def root_likelihood(share: np.ndarray, expected: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Signed root of the likelihood ratio of a binomial share against the expected one, over `size` effective records; any one shape."""
    expected, share = np.clip(expected, 1e-9, 1 - 1e-9), np.clip(share, 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        there = np.where(share > 0, share * np.log(share / expected), 0.0)
        missing = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - expected)), 0.0)
    return np.sign(share - expected) * np.sqrt(2 * size * np.maximum(there + missing, 0.0))
