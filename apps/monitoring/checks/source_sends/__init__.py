"""The data still comes: the source can be read, what it sends fits the fields, and it has not stopped changing.

A source that changed nearly every time and then stays the same is silent: alarming when that many unchanged readings in a row had a
chance under one in a thousand by its own past (rule of succession, Laplace), and at least three came.
"""

from __future__ import annotations

from apps.monitoring.checks import Check, Facts, Finding

LEAST_STILL, CHANCE = 3, 0.001
LEAST_FAILURES = 2  # the first is tried again by itself


def judge(facts: Facts) -> Finding:
    source = facts.source
    if source is None:
        return Finding(None, "The records were uploaded by hand.")
    if source["held"]:
        words = f"What {facts.dataset} received last does not fit its fields and waits for your answer. Scores rest on the records before."
        todo = "open the dataset and accept or refuse the change."
        return _failed(
            facts,
            words,
            "new data is held",
            "A field was renamed, retyped or dropped at the source.",
            todo,
            silent=True,
        )
    if source["failures"] >= LEAST_FAILURES:
        words = f"{facts.dataset} could not be read {source['failures']} times in a row. {source['error']}".strip()
        return _failed(
            facts, words, "its source cannot be read", source["error"], "open the dataset and test its connection."
        )
    if _is_silent(source):
        words = f"{facts.dataset} was read {source['still']} times in a row without any change; before, nearly every reading brought changes."
        why = "The source may have stopped, or nothing has happened there."
        return _failed(
            facts,
            words,
            "its source has stopped sending new data",
            why,
            "see whether the source still writes new records.",
        )
    return Finding(False, f"Read {facts.local(source['at'])}." if source["at"] else "Waits for its first reading.")


def _is_silent(source: dict) -> bool:
    """Whether so many readings without a change would be a surprise."""
    unchanged = (source["unchanged"] + 1) / (source["readings"] + 2)
    return bool(source["still"] >= LEAST_STILL and unchanged ** source["still"] < CHANCE)


def _failed(facts: Facts, what: str, title: str, why: str, todo: str, silent: bool = False) -> Finding:
    at = facts.source["at"] if facts.source else None
    answers = {
        "what": what, "since": facts.local(at or facts.now), "why": why, "affects": "Scores are made from the last good records.",
        "todo": [["First,", todo]],
    }  # fmt: skip
    return Finding(True, what, "warning", f"{facts.name}: {title}", answers, cause="dataset", silent=silent)


CHECK = Check("source_sends", "New data comes in", 7, judge, todo="dataset")
