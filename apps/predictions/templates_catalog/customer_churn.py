"""Customer churn: which customers will leave."""

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
    """1,400 customers of a subscription; of the last 200 it is open whether they leave."""
    dice = Dice(1400, seed=11)
    contract = dice.pick(Monthly=0.55, One_year=0.25, Two_years=0.2)
    months, fee = dice.whole(1, 72), dice.skewed(55, 0.35)
    tickets, logins = dice.chance.poisson(1.2, 1400), dice.chance.poisson(9, 1400)
    payment = dice.pick(Direct_debit=0.45, Card=0.3, Invoice=0.25)
    logit = (
        -1.6 + 1.3 * (contract == "Monthly") - 1.0 * (contract == "Two years") - 0.03 * months + 0.5 * tickets - 0.12 * (logins - 9)
        + 0.012 * (fee - 55) + 0.4 * (payment == "Invoice")
    )  # fmt: skip
    table = pd.DataFrame({
        "customer_id": dice.keys("C"), "customer_since": (pd.Timestamp("2026-09-30") - pd.to_timedelta(months * 30, unit="D")).strftime("%Y-%m-%d"),
        "contract": contract, "payment": payment, "monthly_fee": np.round(fee, 2), "tickets_90_days": tickets, "logins_30_days": logins,
        "country": dice.pick(Germany=0.5, Austria=0.2, Switzerland=0.15, France=0.15), "account_owner": dice.pick(Anna=0.4, Ben=0.35, Chris=0.25),
        "left": np.where(dice.happens(logit), "Yes", "No"),
    })  # fmt: skip
    return with_open_end(table, "left", 200)


TEMPLATE = Template(
    kind="customer_churn", title="Customer churn", icon="users", order=10, noun="customer",
    questions=("Which customers will leave?", "Which subscriptions will be cancelled?", "Which members will not renew?"),
    words="One record is a customer. Past ones left or stayed; the others are scored.",
    parts=(
        Part("who", "Who", "The number or name of each customer", "key", ("customer id", "account id", "customer number", "customer", "account", "member", "subscriber"), NAMES),
        Part("outcome", "What became of them", "Left or stayed, or the state of the contract", "outcome",
             ("churned", "churn", "left", "cancelled", "canceled", "attrition", "exited", "status"), ANSWERS,
             frozenset({"churned", "left", "cancelled", "canceled", "yes", "no", "active", "lost"}), required=True),
        Part("started", "Customer since", "When the customer came", "started", ("customer since", "signup date", "signed up", "start date", "since", "created", "joined"), frozenset({"date"})),
        Part("owner", "Who looks after them", "A colleague’s name or e-mail address", "owner", ("account owner", "owner email", "owner", "manager", "responsible"), NAMES),
    ),
    outcome=Outcome("binary", ("churned", "left", "cancelled", "canceled", "lost", "yes", "true", "1")),
    score="Chance of leaving", bands={"high": "likely to leave", "medium": "may leave", "low": "likely to stay"},
    sample=sample, sample_words="1,400 customers of a subscription", hindsight=("churn reason", "cancel reason", "end date", "cancelled at", "exit"),
)  # fmt: skip
