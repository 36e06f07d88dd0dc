"""Next-best product: what each customer will buy next."""

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

PRODUCTS = ["Insurance", "Mobile plan", "Savings plan", "None"]


def sample() -> pd.DataFrame:
    """1,500 customers with what they bought next; of the last 250 it is open."""
    dice = Dice(1500, seed=17)
    age, income = dice.whole(19, 78), dice.skewed(2800, 0.4)
    household, home = dice.pick(Alone=0.35, Couple=0.35, Family=0.3), dice.pick(Rented=0.6, Owned=0.4)
    visits, last = dice.chance.poisson(5, 1500), dice.pick(Current_account=0.5, Card=0.3, Loan=0.2)
    drawn = dice.chance.gumbel(0, 1, (4, 1500))
    drawn[0] += 1.1 * (household == "Family") + 0.9 * (home == "Owned") + 0.01 * (age - 45)
    drawn[1] += 1.5 - 0.05 * (age - 30) + 0.08 * visits
    drawn[2] += 0.0006 * (income - 2800) + 0.03 * (age - 45) + 0.7 * (last == "Loan")
    drawn[3] += 0.9 - 0.09 * visits
    table = pd.DataFrame({
        "customer_no": dice.keys("P"), "age": age, "monthly_income": np.round(income, 0), "household": household, "home": home, "app_visits_30_days": visits,
        "last_product": last, "adviser": dice.pick(Anna=0.4, Ben=0.35, Chris=0.25), "next_product": np.array(PRODUCTS)[drawn.argmax(axis=0)],
    })  # fmt: skip
    return with_open_end(table, "next_product", 250)


TEMPLATE = Template(
    kind="next_best_product", title="Next-best product", icon="package-plus", order=70, noun="customer",
    questions=("What will each customer buy next?", "Which offer suits whom?"),
    words="One record is a customer. Of past ones it is known what they bought next; the others are scored.",
    parts=(
        Part("who", "Who", "The number or name of each customer", "key", ("customer no", "customer id", "customer number", "customer", "account", "client"), NAMES),
        Part("outcome", "What they bought next", "A product, or none", "outcome",
             ("next product", "product bought", "bought", "purchased product", "choice", "product", "offer"), ANSWERS, required=True),
        Part("started", "When they were asked", "The day of the offer", "started", ("offer date", "contact date", "date"), frozenset({"date"})),
        Part("owner", "Who advises them", "A colleague’s name or e-mail address", "owner", ("adviser", "advisor", "owner email", "owner", "branch"), NAMES),
    ),
    outcome=Outcome("multiclass"),
    score="How sure we are", bands={"high": "quite sure", "medium": "a fair guess", "low": "hard to say"},
    sample=sample, sample_words="1,500 customers of a bank", hindsight=("order date", "order value", "contract"),
)  # fmt: skip
