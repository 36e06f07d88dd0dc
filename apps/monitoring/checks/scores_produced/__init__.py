"""Scores are produced: every planned run ends, in time, with scores (or with the same data as before).

Grace: the larger of one hour and three times the usual duration (DEFAULTS; healthchecks uses one hour).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.monitoring.checks import Check, Facts, Finding
from einstein.web.templatetags.words import plural

WITHOUT_WORKER = {"queued", "dispatched", "running"}


def judge(facts: Facts) -> Finding:
    grace = timedelta(seconds=facts.grace_seconds)
    attempt = facts.last_attempt
    if attempt and attempt["state"] == "failed" and (facts.scored_at is None or attempt["at"] > facts.scored_at):
        return _failed(facts, attempt["error"], attempt["at"], "dataset")
    planned = facts.next_run_at if facts.next_run_at and facts.next_run_at + grace < facts.now else facts.last_slot_at
    if planned and planned + grace < facts.now and (facts.scored_at is None or facts.scored_at < planned):
        waiting = attempt is not None and attempt["state"] in WITHOUT_WORKER
        picked_up = attempt is not None and attempt["state"] == "running"
        return _failed(
            facts, _late_words(facts, attempt) if waiting else "The run that was planned did not start.", planned,
            "prediction" if picked_up else "installation",
        )  # fmt: skip
    if facts.newest_run is None:
        return Finding(None, "No scores yet; the first run is on its way.")
    run = facts.newest_run
    if not run["scored"] and any(look["records"] for look in facts.earlier):
        return _failed(
            facts, "No record met the conditions of what is to be scored, or none arrived.", run["as_of"], "dataset"
        )
    return Finding(False, f"{run['scored']:,} {plural(facts.noun)} scored {facts.local(run['as_of'])}.")


def _late_words(facts: Facts, attempt: dict) -> str:
    if attempt["state"] == "running":
        return "The run has started but takes far longer than usual."
    return "No worker has picked up the run. The background workers seem to have stopped."


def _failed(facts: Facts, why: str, since: datetime, cause: str) -> Finding:
    run = facts.newest_run
    still = (
        f"{run['scored']:,} {plural(facts.noun)} still show the scores of {facts.local(run['as_of'])}."
        if run
        else f"No {facts.noun} has a score yet."
    )
    last = f"since {facts.local(facts.scored_at)}" if facts.scored_at else "yet"
    answers = {
        "what": f"The run planned for {facts.local(since)} has brought no scores.",
        "since": facts.local(since),
        "why": why,
        "affects": still,
        "todo": [
            ["If the data is the cause,", "upload a file that the model can read; it is scored at once."],
            [
                "If the workers have stopped,",
                "ask your operator to start them. Waiting runs are then done by themselves.",
            ],
        ],
    }
    title = f"{facts.name} has had no new scores {last}"
    return Finding(True, f"No new scores {last}. {why}", "critical", title, answers, cause)


CHECK = Check("scores_produced", "Scores are produced", 1, judge, todo="dataset")
