"""Employee attrition: who will leave the company."""

from __future__ import annotations

import numpy as np
import pandas as pd

from apps.predictions.templates_catalog.base import (
    ANSWERS,
    NAMES,
    Dice,
    Outcome,
    Part,
    Template,
    with_open_end,
)


def sample() -> pd.DataFrame:
    """1,300 people with what became of them within a year; of the last 200 it is open."""
    dice = Dice(1300, seed=14)
    years, overtime = np.round(dice.chance.gamma(2, 2.6, 1300), 1), dice.pick(No=0.7, Yes=0.3)
    pay, raised = dice.skewed(3600, 0.3), dice.whole(0, 60)
    content, distance = dice.whole(1, 6), np.round(dice.chance.gamma(1.6, 9, 1300))
    department = dice.pick(Production=0.35, Sales=0.25, Office=0.25, Research=0.15)
    logit = (
        -1.5 + 1.1 * (overtime == "Yes") - 0.5 * (content - 3) - 0.14 * years + 0.022 * raised + 0.02 * distance
        - 0.0004 * (pay - 3600) + 0.4 * (department == "Sales")
    )  # fmt: skip
    table = pd.DataFrame({
        "employee_id": dice.keys("E"), "department": department, "years_with_us": years, "monthly_pay": np.round(pay, 0), "months_since_last_raise": raised,
        "overtime": overtime, "satisfaction_1_to_5": content, "kilometres_to_work": distance, "team_lead": dice.pick(Anna=0.4, Ben=0.35, Chris=0.25),
        "left_within_a_year": np.where(dice.happens(logit), "Yes", "No"),
    })  # fmt: skip
    return with_open_end(table, "left_within_a_year", 200)


TEMPLATE = Template(
    kind="employee_attrition", title="Employee attrition", icon="user-minus", order=40, noun="employee",
    questions=("Which colleagues will leave?", "Whom should we talk to before it is too late?"),
    words="One record is a person at one time. Past ones left or stayed; the others are scored. Check what your law and works council allow.",
    parts=(
        Part("who", "Who", "The number of each person", "key", ("employee id", "employee number", "personnel number", "staff id", "employee", "person"), NAMES),
        Part("outcome", "What became of them", "Left or stayed", "outcome",
             ("attrition", "left within", "left", "resigned", "quit", "terminated", "turnover", "status"), ANSWERS,
             frozenset({"left", "yes", "no", "resigned", "active", "terminated"}), required=True),
        Part("started", "With us since", "The day of joining", "started", ("hire date", "hired", "joined", "start date", "entry date"), frozenset({"date"})),
        Part("owner", "Who leads them", "A colleague’s name or e-mail address", "owner", ("manager email", "manager", "team lead", "supervisor", "lead"), NAMES),
    ),
    outcome=Outcome("binary", ("left", "resigned", "quit", "terminated", "yes", "true", "1")),
    score="Chance of leaving", bands={"high": "likely to leave", "medium": "may leave", "low": "likely to stay"},
    sample=sample, sample_words="1,300 people of a manufacturer", hindsight=("exit date", "leaving date", "termination date", "exit interview", "reason"),
)  # fmt: skip
