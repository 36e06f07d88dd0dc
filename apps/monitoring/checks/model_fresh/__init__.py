"""The model is fresh: a note once it has been in use for a year, because customers, prices and habits change."""

from __future__ import annotations

from apps.monitoring.checks import Check, Facts, Finding

A_YEAR = 365  # days


def judge(facts: Facts) -> Finding:
    if facts.enabled_at is None:
        return Finding(None, "No version is enabled.")
    days = (facts.now - facts.enabled_at).days
    sees = f"In use for {days} days." if days else "In use since today."
    if days < A_YEAR:
        return Finding(False, sees)
    answers = {
        "what": f"The model has been in use for {days} days.", "since": facts.local(facts.enabled_at), "why": "Nobody has trained it again.",
        "affects": "What has changed since is not in its scores.", "todo": [["When it suits you,", "train again; it changes nothing until you enable it."]],
    }  # fmt: skip
    return Finding(True, sees, "info", f"{facts.name}: the model is {days} days old", answers)


CHECK = Check("model_fresh", "The model is fresh", 9, judge)
