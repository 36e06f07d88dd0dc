"""As many records come as usual, for the day of the week: told from the runs before (`einstein.ml.watch.volume`)."""

from __future__ import annotations

from apps.monitoring.checks import Check, Facts, Finding


def judge(facts: Facts) -> Finding:
    if facts.look is None:
        return Finding(None, "No records to look at yet.")
    alarms = facts.alarms("volume", "empty_batch")
    if not alarms:
        return Finding(False, f"{facts.look['records']:,} records were scored, about as many as usual.")
    answers = {
        "what": alarms[0]["message"], "since": facts.since(alarms),
        "why": "The file was cut off, a part of the records no longer arrives, or another selection was sent.",
        "affects": f"Only the {facts.look['records']:,} records that arrived have new scores.",
        "todo": [
            ["If records are missing,", "see why the source sends fewer, and send them all; they are scored by themselves."],
            ["If this is how many there are now,", "say that it was expected; the number is then the new usual."],
        ],
    }  # fmt: skip
    title = f"{facts.name}: {facts.look['records']:,} records arrived, far from the usual number"
    return Finding(True, alarms[0]["message"], "warning", title, answers, cause="dataset")


CHECK = Check("volume_usual", "As many records as usual", 5, judge, todo="dataset")
