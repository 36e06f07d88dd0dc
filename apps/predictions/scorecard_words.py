"""The scorecard in a manager's words, from its numbers."""

from __future__ import annotations

import json
from typing import Any

from apps.predictions import charts
from apps.predictions.definition import outcome_words
from apps.predictions.models import ModelVersion, Prediction
from einstein.web.templatetags.words import GRADE_WORDS, plural

MEANINGS = {
    "A": "It is right so often that you can let it choose whom to look at first, and nearly trust a single score.",
    "B": "It ranks far better than guessing. Use it to choose whom to look at first. Do not treat one score as certain.",
    "C": "It is clearly better than guessing. Use it to sort long lists, not to judge one record.",
    "D": "It is a little better than guessing. Look for fields that say more before you rely on it.",
    "E": "On records it never saw it was no better than guessing. The fields do not hold the answer, or there are too few records.",
}
METRIC_WORDS = {
    "auc": ("Ranking (ROC AUC)", "guessing is 0.5, perfect is 1"), "log_loss": ("Log loss", "lower is better; punishes being sure and wrong"),
    "brier": ("Brier score", "lower is better; mean squared distance of the score from what happened"),
    "accuracy": ("Accuracy", "share of records named rightly"), "macro_f1": ("Macro F1", "balance over all answers, 1 is perfect"),
    "r2": ("R²", "share of the differences explained; always saying the average is 0"), "mae": ("Mean error", "in the outcome's own unit"),
    "rmse": ("Root mean squared error", "in the outcome's own unit; large errors weigh more"), "median_error": ("Median error", "half of the errors are smaller"),
}  # fmt: skip


def scorecard_page(prediction: Prediction, version: ModelVersion) -> dict[str, Any]:
    """Everything the scorecard template shows."""
    card, nouns = version.scorecard, plural(prediction.dataset.noun)
    grade = GRADE_WORDS[card["grade"]]
    # Of a model that is no better than guessing, the engine knows why; scorecards of early versions do not hold it.
    meaning = card.get("verdict", MEANINGS["E"]) if card["grade"] == "E" else MEANINGS[card["grade"]]
    page: dict[str, Any] = {
        "card": card, "nouns": nouns, "grade_word": grade, "meaning": meaning, "metrics": _metrics(card), "outcome_words": outcome_words(prediction),
        "headline": _headline(prediction.task, card), "drivers": card["drivers"][:6], "minor": [d["field"] for d in card["drivers"] if d["share"] < 0.01],
        "learning": _learning(prediction.task, card), "largest": max((driver["share"] for driver in card["drivers"]), default=1) or 1,
    }  # fmt: skip
    if prediction.task == "binary":
        top = card["top"]
        page |= {
            "random": round(top["random"]), "low": round(top["low"] * top["count"]), "high": round(top["high"] * top["count"]),
            "gains": charts.gains(card, nouns, page["outcome_words"]), "calibration": charts.calibration(card, nouns),
            "thresholds": json.dumps(card["thresholds"]),
        }  # fmt: skip
    elif prediction.task == "regression":
        page["pairs"] = charts.said_and_true(card, prediction.outcome_field)
    return page


def _learning(task: str, card: dict[str, Any]) -> list[tuple[int, str]]:
    """(records learnt from, how good that was); [] when there were too few records to ask."""
    words = charts.quality_words(task)[0]
    return [
        (records, words.format(round(100 * quality)))
        for records, quality in card.get("learning_curve", {}).get("points", [])
    ]


def _headline(task: str, card: dict[str, Any]) -> tuple[str, str]:
    """(what is counted, the count) beside the grade."""
    metrics = card["metrics"]
    if task == "binary":
        return "Tells a yes from a no", f"{100 * metrics['auc']['value']:.0f} times out of 100"
    if task == "multiclass":
        return "Names the right answer", f"{card['right']:,} of {card['test_records']:,} times"
    return (
        "Is off by, on average",
        f"{metrics['mae']['value']:,.4g} instead of {card['baseline_error']:,.4g} by always saying the average",
    )


def _metrics(card: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (
            METRIC_WORDS[name][0],
            f"{entry['value']:,.4g} ({entry['low']:,.4g} to {entry['high']:,.4g})",
            METRIC_WORDS[name][1],
        )
        for name, entry in card["metrics"].items()
    ]
