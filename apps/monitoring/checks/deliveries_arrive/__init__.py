"""Scores arrive where they are sent. The delivery itself tells its owner; here it is shown with the rest."""

from __future__ import annotations

from apps.monitoring.checks import Check, Facts, Finding


def judge(facts: Facts) -> Finding:
    if not facts.undelivered:
        return Finding(False, "Nothing waits for an answer of yours.")
    first, more = facts.undelivered[0], len(facts.undelivered) - 1
    also = f" {more} more wait too." if more else ""
    what = f"Something that was to be sent {'waits for your answer' if first['state'] == 'held' else 'was given up'}: {first['error'] or 'no reason was given'}.{also}".replace(
        "..", "."
    )
    answers = {
        "what": what, "since": facts.local(first["at"]), "why": first["error"], "affects": "The destination shows older scores.",
        "todo": [["First,", "open the deliveries and answer what waits there."]],
    }  # fmt: skip
    return Finding(True, what, "warning", f"{facts.name}: scores did not arrive", answers, silent=True)


CHECK = Check("deliveries_arrive", "Scores arrive where they are sent", 10, judge, todo="deliveries")
