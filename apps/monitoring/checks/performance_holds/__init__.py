"""The scores are still right: as the scores themselves promise (estimated), and as outcomes have shown (realised).

Estimated by confidence-based performance estimation and direct loss estimation (`einstein.ml.watch.performance`).
"""

from __future__ import annotations

from apps.monitoring.came_true import words
from apps.monitoring.checks import Check, Facts, Finding
from einstein.ml.came_true import CameTrue


def judge(facts: Facts) -> Finding:
    if facts.look is None:
        return Finding(None, "No scores to look at yet.")
    alarms, told = facts.alarms("performance_realised", "performance_estimated"), facts.look["scores"]
    if alarms:
        answers = {
            "what": " ".join(alarm["message"] for alarm in alarms), "since": facts.since(alarms),
            "why": "What leads to the outcome has changed, the records have become harder to tell apart, or what the scores rest on is broken.",
            "affects": "The order of the scores is less reliable than its scorecard says. They are still shown.",
            "todo": [
                ["If fields are named above,", "mend them at the source first."],
                ["If nothing is broken,", "train again, so that the model learns from newer outcomes."],
            ],
        }  # fmt: skip
        return Finding(
            True,
            alarms[0]["message"],
            "warning",
            f"{facts.name}: scores are less right than they were",
            answers,
            cause="dataset",
        )
    if "realised" in told:
        return Finding(False, words(CameTrue(**told["realised"])))
    if "estimated" not in told:
        return Finding(None, "There are too few records, or too few outcomes, to tell how right new scores are.")
    if told["metric"] == "auc":
        return Finding(
            False,
            f"Of 100 pairs about {100 * told['estimated']:.0f} should be ranked rightly; {100 * told['estimated_usual']:.0f} were usual.",
        )
    return Finding(
        False, f"Predictions should miss by about {told['estimated']:.4g}; {told['estimated_usual']:.4g} was usual."
    )


CHECK = Check("performance_holds", "Scores are as right as they were", 6, judge)
