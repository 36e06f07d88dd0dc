"""What is wrong with the scores of a batch: missing, unlawful, constant, turned round, or spread otherwise."""

from __future__ import annotations

import numpy as np

from einstein.ml.watch.alarms import Alarm
from einstein.ml.watch.causes import Sight
from einstein.ml.watch.evidence import Surprise

CHANCE = 1e-7  # how unlikely the same score for everybody must be by the reference
LEAST_SCORES = 10
LEAST_MISSING = 0.02


def no_scores(name: str) -> Alarm:
    """The column itself is gone."""
    return Alarm("score", "scores_missing", name, "critical", "The batch holds no scores at all.", 1e6, "gone")


def score_alarm(sight: Sight, given: Surprise | None, explained: bool) -> Alarm | None:
    """The gravest alarm about the scores, or None. `given` is set when the scores do not follow from the fields as they did."""
    name, scores = sight.field, sight.filled
    return (
        _missing(sight, name)
        or _unlawful(sight, name, scores)
        or _constant(sight, name, scores)
        or _moved(sight, given, name, explained)
    )


def _missing(sight: Sight, name: str) -> Alarm | None:
    share = sight.share("blank") + sight.share("unreadable")
    if not ({"blank", "unreadable"} & sight.loud) or share - sight.usual("blank") < LEAST_MISSING:
        return None
    words = "All scores are missing." if share > 0.999 else f"{share:.0%} of the records have no score."
    return Alarm("score", "scores_missing", name, "critical", words, 1e6, "missing")


def _unlawful(sight: Sight, name: str, scores: np.ndarray) -> Alarm | None:
    """Probabilities lie between 0 and 1: where all did, one that does not cannot be right."""
    ranks = sight.gauge.ranks  # type: ignore[attr-defined]
    if ranks.least < 0 or ranks.greatest > 1 or not len(scores):
        far = sight.share("far")
        if "far" not in sight.loud or far < 0.05:
            return None
        return Alarm(
            "score",
            "scores_out_of_range",
            name,
            "critical",
            f"{far:.0%} of the scores lie far outside everything seen in training ({ranks.least:.4g} to {ranks.greatest:.4g}).",
            1e6,
            "range",
        )
    wrong = float(((scores < 0) | (scores > 1)).mean())
    if wrong == 0:
        return None
    worst = scores[np.argmax(np.abs(scores - 0.5))]
    return Alarm(
        "score",
        "scores_out_of_range",
        name,
        "critical",
        f"{max(wrong, 0.001):.1%} of the scores lie outside 0 to 1, such as {worst:.4g}. They cannot be right.",
        1e6,
        "range",
    )


def _constant(sight: Sight, name: str, scores: np.ndarray) -> Alarm | None:
    ranks = sight.gauge.ranks  # type: ignore[attr-defined]
    if len(scores) < LEAST_SCORES or np.ptp(scores) > 0:
        return None
    by_chance = len(scores) * np.log(max(ranks.share_of(float(scores[0])), 1.0 / ranks.records))
    if by_chance > np.log(CHANCE):
        return None
    return Alarm(
        "score",
        "scores_constant",
        name,
        "critical",
        f"Every record has the same score, {scores[0]:.4g}. The model or its data is broken.",
        1e6,
        "constant",
    )


def _moved(sight: Sight, given: Surprise | None, name: str, explained: bool) -> Alarm | None:
    ranks = sight.gauge.ranks  # type: ignore[attr-defined]
    if given is not None:
        words = "The scores no longer follow from the fields as they did in training: records that should score high score low. They may be turned round, of another model, or of other records."
        return Alarm("score", "scores_unrelated", name, "critical", words, float(np.abs(given.z).max()), "relation")
    if not sight.loud:
        return None
    now, usual = float(sight.filled.mean()), ranks.mean
    words = f"The scores have moved: {now:.4g} on average instead of {usual:.4g}."
    if sight.loud <= {"repeated"}:
        words = f"The score {sight.found.facts.get('repeated', 0.0):.4g} stands in {sight.share('repeated'):.0%} of the records instead of {sight.usual('repeated'):.0%}."
    return Alarm(
        "score",
        "scores_moved",
        name,
        "warning",
        words + (" The fields named above explain it." if explained else ""),
        sight.strength,
        "moved",
    )
