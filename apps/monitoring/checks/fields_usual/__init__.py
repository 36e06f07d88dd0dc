"""Fields are spread as usual: none has moved, widened, come in another mix, or lost its company with the others.

Such a drift may be real: the world changes. It is a warning where the model leans on the field, a note where it hardly does.
"""

from __future__ import annotations

from apps.monitoring.checks import Check, Facts, Finding
from einstein.web.templatetags.words import plural

KINDS = ["field_moved", "field_spread", "field_mix", "field_form", "field_rounding", "field_relation"]
SHOWN = 4


def judge(facts: Facts) -> Finding:
    if facts.look is None:
        return Finding(None, "No records to look at yet.")
    alarms = facts.alarms(*KINDS)
    if not alarms:
        return Finding(False, "No field has moved beyond what differs from run to run.")
    worst, more = alarms[0], len(alarms) - 1
    answers = {
        "what": " ".join(alarm["message"] for alarm in alarms[:SHOWN]),
        "since": facts.since(alarms),
        "why": "The records really are others than before, or a part of them no longer arrives.",
        "affects": _affected(facts),
        "fields": [alarm["field"] for alarm in alarms],
        "todo": [
            ["If your business has changed,", "train again, so that the model learns from what is usual now."],
            ["If it has not,", "see whether all records still arrive, and from where."],
            ["If this was expected,", "say so on this page; the change is then the new usual."],
        ],
    }
    also = f" and {more} more field{'s' if more > 1 else ''}" if more else ""
    return Finding(True, worst["message"], worst["severity"], f"{facts.name}: {worst['field']}{also} has changed" if not more else f"{facts.name}: {worst['field']}{also} have changed", answers, cause="dataset")  # fmt: skip


def _affected(facts: Facts) -> str:
    """What the scores did meanwhile."""
    now, before = facts.look["scores"], [look["scores"] for look in facts.earlier if "high" in look["scores"]]
    if not before or "high" not in now:
        return "The scores are still shown."
    usual = sum(scores["high"] for scores in before) / len(before)
    return f"{now['high']:.0%} of the {plural(facts.noun)} are in the High band; {usual:.0%} were before. All scores are still shown."


CHECK = Check("fields_usual", "Fields are spread as usual", 4, judge)
