"""Lead scoring: which leads will buy."""

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
    """1,500 leads in the order they came; the last 250 are still open."""
    dice = Dice(1500, seed=12)
    source = dice.pick(Website=0.4, Referral=0.15, Trade_fair=0.2, Advertisement=0.25)
    size = np.round(dice.skewed(60, 1.1)).astype(int) + 1
    visits, answered = dice.chance.poisson(4, 1500), dice.whole(1, 96)
    title = dice.pick(Manager=0.4, Director=0.2, Specialist=0.3, Student=0.1)
    logit = (
        -1.9 + 1.2 * (source == "Referral") - 0.5 * (source == "Advertisement") + 0.22 * visits - 0.018 * answered + 0.7 * (title == "Director")
        - 1.6 * (title == "Student") + 0.25 * np.log(size)
    )  # fmt: skip
    table = pd.DataFrame({
        "lead_id": dice.keys("L"), "created": dice.days("2025-06-01", "2026-10-31").dt.strftime("%Y-%m-%d"), "source": source, "job_title": title,
        "employees": size, "page_visits": visits, "hours_to_first_answer": answered,
        "industry": dice.pick(Software=0.3, Retail=0.25, Machinery=0.25, Health=0.2), "owner": dice.pick(Anna=0.4, Ben=0.35, Chris=0.25),
        "status": np.where(dice.happens(logit), "Converted", "Lost"),
    })  # fmt: skip
    return with_open_end(table, "status", 250)


TEMPLATE = Template(
    kind="lead_scoring", title="Lead scoring", icon="target", order=20, noun="lead",
    questions=("Which leads will buy?", "Which enquiries are worth a call?", "Which contacts will become customers?"),
    words="One record is a lead. Past ones were won or lost; the open ones are scored.",
    parts=(
        Part("who", "Which lead", "The number or e-mail address of each lead", "key", ("lead id", "contact id", "lead", "contact", "prospect", "email"), NAMES),
        Part("outcome", "What became of it", "Won or lost; blank while it is open", "outcome",
             ("converted", "is converted", "won", "outcome", "status", "stage", "subscribed", "response", "purchased", "result"), ANSWERS,
             frozenset({"converted", "won", "lost", "closed won", "closed lost", "yes", "no", "true", "false", "customer"}), required=True),
        Part("started", "When it came", "The day of the first contact", "started", ("created date", "created", "first contact", "date received", "received", "date"), frozenset({"date"})),
        Part("owner", "Who works on it", "A colleague’s name or e-mail address", "owner", ("lead owner", "owner email", "owner", "sales rep", "representative"), NAMES),
    ),
    outcome=Outcome("binary", ("converted", "won", "closed won", "customer", "purchased", "yes", "true", "1")),
    score="Chance of buying", bands={"high": "likely to buy", "medium": "may buy", "low": "unlikely to buy"},
    sample=sample, sample_words="1,500 leads of a software company",
    hindsight=("converted date", "closed date", "close date", "lost reason", "order value", "contract"),
)  # fmt: skip
