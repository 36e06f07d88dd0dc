"""Data is in range: numbers inside the learnt range, answers the model knows, blanks and row counts as usual.

Limits: up to 1 % of a field's values may be new (at least five records, three times what learning itself had at its
edges); blanks may rise by 20 points (DEFAULTS); row counts may halve or double against the median of earlier runs.
Under 100 records only gross faults count.
"""

from __future__ import annotations

from statistics import median

from apps.monitoring.checks import Check, Facts, Finding

USUAL_OUTSIDE, LEAST_OUTSIDE, GROSS_OUTSIDE = 0.01, 5, 0.30
MOST_BLANK_RISE, GROSS_BLANK_RISE = 0.20, 0.50
LEAST_RECORDS, EARLIER_RUNS = 100, 3


def judge(facts: Facts) -> Finding:
    if facts.newest_run is None:
        return Finding(None, "No records to look at yet.")
    problems = sorted(_problems(facts), key=lambda problem: -problem[0])
    if not problems:
        fields = {field for metric, field in facts.observations if field}
        return Finding(False, f"All {len(fields)} fields look as they did in training.")
    _, title, what, why = problems[0]
    more = [problem[2] for problem in problems[1:4]]
    count = facts.newest_run["scored"]
    answers = {
        "what": " ".join([what, *more]),
        "since": facts.local(facts.newest_run["as_of"]),
        "why": why,
        "affects": f"The scores of these {facts.noun}s are less certain. All {count:,} scores are still shown.",
        "todo": [
            [
                "If the values are right,",
                "train again, so that the model learns them. It changes nothing until you enable it.",
            ],
            [
                "If the values are wrong,",
                "correct them in the source and upload the file again; it is checked by itself.",
            ],
        ],
    }
    return Finding(True, what, "warning", f"{facts.name}: {title}", answers)


def _problems(facts: Facts) -> list[tuple[float, str, str, str]]:
    """(weight, title, sentence, likely why) of everything out of range."""
    few = facts.newest_run["scored"] < LEAST_RECORDS
    found = []
    for (metric, field), (value, detail) in facts.observations.items():
        if metric == "outside" and _is_outside(value, detail, few):
            found.append((value, *_outside_words(facts, field, value, detail)))
        if metric == "blank" and value - detail["usual"] >= (GROSS_BLANK_RISE if few else MOST_BLANK_RISE):
            sentence = f"{field} is blank in {value:.0%} of the records; {detail['usual']:.0%} was usual in training."
            found.append(
                (
                    value + 1,
                    f"{field} has lost its values",
                    sentence,
                    "The source no longer fills this field, or its name has changed.",
                )
            )
    return found + _row_problem(facts)


def _is_outside(value: float, detail: dict, few: bool) -> bool:
    if few:
        return value >= GROSS_OUTSIDE and detail["count"] >= LEAST_OUTSIDE
    return value > USUAL_OUTSIDE and detail["count"] >= LEAST_OUTSIDE


def _outside_words(facts: Facts, field: str, value: float, detail: dict) -> tuple[str, str, str]:
    count, total = detail["count"], facts.newest_run["scored"]
    who = f"{count:,} of {total:,} {facts.noun}s ({100 * value:.3g}%)"
    if "examples" in detail:
        names = ", ".join(detail["examples"])
        what = f"{field} holds answers the model never saw for {who}: {names}."
        return (
            f"{field} has new answers for {count:,} {facts.noun}s",
            what,
            "New answers were introduced, or known ones are now spelt differently.",
        )
    what = f"{field} is outside {detail['low']} to {detail['high']} for {who}. Up to 1% outside is usual."
    why = "The values really changed, or they now come in another unit."
    return f"{count:,} {facts.noun}s have a {field} the model has never seen", what, why


def _row_problem(facts: Facts) -> list[tuple[float, str, str, str]]:
    now = facts.newest_run["records"]
    if len(facts.earlier_records) < EARLIER_RUNS:
        return []
    usual = median(facts.earlier_records)
    if usual / 2 <= now <= usual * 2:
        return []
    sentence = f"The newest file holds {now:,} records; about {usual:,.0f} were usual."
    return [
        (
            2.0,
            f"{now:,} records arrived instead of about {usual:,.0f}",
            sentence,
            "The file was cut off, or holds another selection of records.",
        )
    ]


CHECK = Check("data_in_range", "Data is in range", 3, judge)
