"""Case escalation: which service cases will go wrong."""

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
    """1,600 cases in the order they were opened; the last 250 are still open."""
    dice = Dice(1600, seed=15)
    opened = dice.days("2026-01-01", "2026-10-31")
    product = dice.pick(Router=0.35, Television=0.2, Mobile=0.3, Billing=0.15)
    channel, tier = dice.pick(Phone=0.45, Mail=0.35, Chat=0.2), dice.pick(Standard=0.7, Gold=0.2, Key_account=0.1)
    waited, replies, reopened = (
        np.round(dice.skewed(9, 0.8), 1),
        dice.chance.poisson(2.2, 1600),
        dice.chance.poisson(0.25, 1600),
    )
    logit = (
        -3.0
        + 0.06 * waited
        + 0.35 * replies
        + 1.1 * reopened
        + 0.8 * (product == "Router")
        + 0.7 * (tier == "Key account")
        - 0.4 * (channel == "Chat")
    )
    table = pd.DataFrame({
        "case_number": dice.keys("S"), "opened": opened.dt.strftime("%Y-%m-%d"), "product": product, "channel": channel, "customer_tier": tier,
        "hours_to_first_reply": waited, "replies_so_far": replies, "times_reopened": reopened, "agent": dice.pick(Anna=0.4, Ben=0.35, Chris=0.25),
        "escalated": np.where(dice.happens(logit), "Yes", "No"),
    })  # fmt: skip
    return with_open_end(table, "escalated", 250)


TEMPLATE = Template(
    kind="case_escalation", title="Case escalation", icon="siren", order=50, noun="case",
    questions=("Which cases will escalate?", "Which complaints need a second look today?"),
    words="One record is a service case. Past ones escalated or were solved; the open ones are scored.",
    parts=(
        Part("who", "Which case", "The number of each case", "key", ("case number", "case id", "ticket id", "ticket number", "incident", "ticket", "case"), NAMES),
        Part("outcome", "What became of it", "Escalated or not; blank while it is open", "outcome",
             ("is escalated", "escalated", "escalation", "complaint", "breached", "sla breach", "status"), ANSWERS,
             frozenset({"escalated", "yes", "no", "true", "false", "solved", "closed"}), required=True),
        Part("started", "When it was opened", "The day it came in", "started", ("created date", "opened at", "opened", "created", "reported", "date"), frozenset({"date"})),
        Part("owner", "Who works on it", "A colleague’s name or e-mail address", "owner", ("case owner", "owner email", "agent", "assignee", "owner"), NAMES),
    ),
    outcome=Outcome("binary", ("escalated", "breached", "complaint", "yes", "true", "1")),
    score="Chance of escalating", bands={"high": "likely to escalate", "medium": "may escalate", "low": "likely to go well"},
    sample=sample, sample_words="1,600 service cases of a phone company", hindsight=("closed date", "closed at", "resolution", "escalated at", "solved at"),
)  # fmt: skip
