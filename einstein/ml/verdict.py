"""The honest verdict on a model in one sentence."""

from __future__ import annotations

from typing import Any

from einstein.ml.outcome import Outcome


def verdict(card: dict[str, Any], outcome: Outcome) -> str:
    """What a manager would repeat to a colleague; with the reason when it is no better than guessing."""
    if card["grade"] == "E":
        return f"This is no better than guessing, because {_why_not(card, outcome)}."
    words = {"binary": _binary, "multiclass": _several, "regression": _number}[outcome.task](card, outcome)
    return words + (
        " That is nearly too good to be true: a field probably gives the answer away." if card["too_good"] else ""
    )


def _why_not(card: dict[str, Any], outcome: Outcome) -> str:
    if card["size"] == "early":
        return f"{card['records']:,} records are too few to tell chance from a pattern"
    if card["split"] == "newest":
        return f"what went together with {outcome.field} in older records no longer does in the newest"
    return f"the fields say nothing about {outcome.field} that holds for records it did not learn from"


def _binary(card: dict[str, Any], outcome: Outcome) -> str:
    top = card["top"]
    return (
        f"Of the {top['count']:,} records with the highest score, {top['hits']:,} had {outcome.field} {outcome.classes[1]}; "
        f"picked at random, it would be {top['random']:,.0f}."
    )


def _several(card: dict[str, Any], outcome: Outcome) -> str:
    usual = round(card["baseline"]["accuracy"] * card["test_records"])
    return f"It names the right {outcome.field} for {card['right']:,} of {card['test_records']:,} records; always saying the most frequent would be right for {usual:,}."


def _number(card: dict[str, Any], outcome: Outcome) -> str:
    error = card["metrics"]["mae"]["value"]
    return f"Its {outcome.field} is off by {error:,.4g} on average; always saying the average would be off by {card['baseline_error']:,.4g}."
