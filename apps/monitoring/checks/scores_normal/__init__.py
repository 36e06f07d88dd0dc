"""Scores look normal: none is missing or impossible, they vary, follow from the fields and are spread as usual.

Decided by `einstein.ml.watch` against the first scoring of this version and all quiet ones since.
"""

from __future__ import annotations

from apps.monitoring.checks import Check, Facts, Finding
from einstein.web.templatetags.words import plural

KINDS = ["scores_missing", "scores_out_of_range", "scores_constant", "scores_unrelated", "scores_moved"]
TITLES = {
    "scores_missing": "scores are missing", "scores_out_of_range": "some scores cannot be right", "scores_constant": "every {noun} has the same score",
    "scores_unrelated": "scores no longer follow from the fields",
}  # fmt: skip
WHY = {
    "scores_constant": "The fields the model uses have probably lost their values, or hold the same value in every record.",
    "scores_moved": "The records differ from those before, or a field has changed its meaning. See which fields have changed.",
}
BROKEN = "The model or its data is broken."


def judge(facts: Facts) -> Finding:
    if facts.look is None:
        return Finding(None, "No scores to look at yet.")
    alarms = facts.alarms(*KINDS)
    if not alarms:
        return Finding(False, _usual(facts))
    worst = alarms[0]
    moved = (
        f"{_high(facts.look):.0%} are in the High band instead of {_before(facts):.0%}"
        if _before(facts) is not None
        else "the scores have moved"
    )
    answers = {
        "what": " ".join(alarm["message"] for alarm in alarms),
        "since": facts.since(alarms),
        "why": WHY.get(worst["check"], BROKEN),
        "affects": f"The scores of all {facts.look['records']:,} {plural(facts.noun)} may be too low or too high. They are still shown.",
        "todo": [
            ["If the records really changed,", "train again, so that the model learns what they look like now."],
            ["If the numbers are wrong,", "correct them in the source; the next records are checked by themselves."],
        ],
    }
    title = f"{facts.name}: {TITLES.get(worst['check'], moved).format(noun=facts.noun)}"
    return Finding(True, answers["what"], worst["severity"], title, answers, cause="dataset")


def _usual(facts: Facts) -> str:
    before = _before(facts)
    sees = f"{_high(facts.look):.0%} are in the High band"
    return f"{sees}; {before:.0%} were before." if before is not None else f"{sees}."


def _high(look: dict) -> float:
    return float(look["scores"].get("high", 0.0))


def _before(facts: Facts) -> float | None:
    shares = [_high(look) for look in facts.earlier if not any(alarm["check"] in KINDS for alarm in look["alarms"])]
    return sum(shares) / len(shares) if shares else None


CHECK = Check("scores_normal", "Scores look normal", 2, judge)
