"""Scoring is as fast as usual: a note when the newest run took three times the middle of those before and a minute more."""

from __future__ import annotations

from statistics import median

from apps.monitoring.checks import Check, Facts, Finding

FACTOR, LEAST_SECONDS, LEAST_RUNS = 3.0, 60.0, 5


def judge(facts: Facts) -> Finding:
    if len(facts.seconds) <= LEAST_RUNS:
        return Finding(None, "Too few runs to tell what is usual.")
    now, usual = facts.seconds[0], median(facts.seconds[1:])
    sees = f"The newest run took {now:,.0f} seconds; {usual:,.0f} are usual."
    if now < FACTOR * usual or now < usual + LEAST_SECONDS:
        return Finding(False, sees)
    answers = {
        "what": sees, "since": facts.local(facts.now), "why": "There are more records, or the installation is busy.", "affects": "Scores come later than usual.",
        "todo": [["If it stays,", "ask your operator whether the installation has enough workers."]],
    }  # fmt: skip
    return Finding(True, sees, "info", f"{facts.name}: scoring takes longer than usual", answers)


CHECK = Check("runs_in_time", "Scoring is as fast as usual", 8, judge, todo="")
