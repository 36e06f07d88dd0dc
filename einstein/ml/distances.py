"""Distances between two samples by their usual definitions, so that figures agree with those of other tools.

Bins are shared: given shares are compared, or samples are binned by `shares_of`, whose binning is Evidently's (Sturges on both together;
answers and few-valued numbers by value).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import chisquare, ks_2samp, wasserstein_distance

FEW = 20  # numbers with at most so many different values are compared value by value
SMALL = 1e-4  # an empty bin's share where a logarithm needs one


def shares_of(reference: np.ndarray, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares per bin of two samples without blanks, (records,) each; returns two arrays (bins,)."""
    if reference.dtype.kind in "fiu" and len(np.unique(reference)) > FEW:
        edges = np.histogram_bin_edges(np.concatenate([reference, current]), bins="sturges")
        return np.histogram(reference, edges)[0] / len(reference), np.histogram(current, edges)[0] / len(current)
    values = np.unique(np.concatenate([reference, current]))
    return tuple(
        np.bincount(np.searchsorted(values, part), minlength=len(values)) / len(part) for part in (reference, current)
    )  # type: ignore[return-value]


def psi(reference: np.ndarray, current: np.ndarray) -> float:
    """Population stability index of two arrays of shares, (bins,): sum of (r - c) ln(r / c). An empty bin counts as a small share."""
    known, now = _filled(reference), _filled(current)
    return float(((known - now) * np.log(known / now)).sum())


def _filled(shares: np.ndarray) -> np.ndarray:
    least = float(shares[shares > 0].min())
    return np.where(shares == 0, least / 1e6 if least <= SMALL else SMALL, shares)


def js_distance(reference: np.ndarray, current: np.ndarray, base: float | None = None) -> float:
    """Jensen and Shannon's distance of two arrays of shares, (bins,): the root of their divergence (Lin 1991), natural logarithm by default."""
    return float(jensenshannon(reference, current, base))


def ks(reference: np.ndarray, current: np.ndarray) -> tuple[float, float]:
    """(statistic, p) of Kolmogorov and Smirnov's two-sample test; numbers without blanks, (records,) each."""
    found: Any = ks_2samp(reference, current)
    return float(found.statistic), float(found.pvalue)


def wasserstein(reference: np.ndarray, current: np.ndarray) -> float:
    """First Wasserstein distance in standard deviations of the reference (at least 0.001)."""
    return float(wasserstein_distance(reference, current) / max(float(np.std(reference)), 1e-3))


def chi_square(reference: np.ndarray, current: np.ndarray) -> tuple[float, float]:
    """(statistic, p) of the counts of answers in `current`, (records,), against the shares in `reference`, (records,)."""
    values = np.unique(np.concatenate([reference, current]))
    counts = [np.bincount(np.searchsorted(values, part), minlength=len(values)) for part in (current, reference)]
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Any = chisquare(counts[0], counts[1] * (len(current) / len(reference)), sum_check=False)
    return float(found.statistic), float(found.pvalue)
