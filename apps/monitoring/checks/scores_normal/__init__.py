"""Scores look normal: their distribution against that of the records set aside while learning.

The distance is the population stability index over ten equal-count bins of the reference. A verdict needs a large shift
(0.25, the usual "major shift" of credit scoring) and a visible one: the mean moved by a quarter of the reference's
standard deviation or the High band by ten points. Under 100 records there is none but for constant scores.
"""

from __future__ import annotations

from apps.monitoring.checks import Check, Facts, Finding

LARGE_SHIFT, VISIBLE_MEAN, VISIBLE_BAND, LEAST_RECORDS = 0.25, 0.25, 0.10, 100


def judge(facts: Facts) -> Finding:
    if facts.newest_run is None or ("score_shift", "") not in facts.observations:
        return Finding(None, "No scores to look at yet.")
    shift, detail = facts.observations[("score_shift", "")]
    high, usual = detail["high"], detail["usual_high"]
    sees = f"{high:.0%} are in the High band; {usual:.0%} were in training."
    if detail["records"] < LEAST_RECORDS and not detail["constant"]:
        return Finding(False, f"{sees} {detail['records']} records are too few to say more.")
    visible = (
        abs(detail["mean"] - detail["usual_mean"]) >= VISIBLE_MEAN * detail["usual_sd"]
        or abs(high - usual) >= VISIBLE_BAND
    )
    if not detail["constant"] and (shift < LARGE_SHIFT or not visible):
        return Finding(False, sees)
    return _failed(facts, detail, high, usual)


def _failed(facts: Facts, detail: dict, high: float, usual: float) -> Finding:
    if detail["constant"]:
        title = f"{facts.name}: every {facts.noun} has the same score"
        why = "The fields the model uses have probably lost their values, or hold the same value in every record."
    else:
        title = f"{facts.name}: {high:.0%} are in the High band instead of {usual:.0%}"
        why = "The records differ from those the model learnt from, or a field has changed its meaning. See which fields are out of range."
    answers = {
        "what": f"{high:.0%} of {detail['records']:,} {facts.noun}s are in the High band; {usual:.0%} of the records set aside in training were.",
        "since": facts.local(facts.newest_run["as_of"]),
        "why": why,
        "affects": f"The scores of all {detail['records']:,} {facts.noun}s may be too low or too high. They are still shown.",
        "todo": [
            ["If the records really changed,", "train again, so that the model learns what they look like now."],
            [
                "If the numbers are wrong,",
                "correct them in the source and upload the file again; it is checked by itself.",
            ],
        ],
    }
    return Finding(True, answers["what"], "warning", title, answers)


CHECK = Check("scores_normal", "Scores look normal", 2, judge)
