"""Deal size: how much a deal will bring."""

from __future__ import annotations

import numpy as np
import pandas as pd

from apps.predictions.templates_catalog.base import (
    NAMES,
    NUMBERS,
    Dice,
    Outcome,
    Part,
    Template,
    with_open_end,
)


def sample() -> pd.DataFrame:
    """1,200 deals in the order they began; the last 180 are still open."""
    dice = Dice(1200, seed=16)
    employees, seats = np.round(dice.skewed(120, 1.0)).astype(int) + 1, dice.whole(1, 40)
    product = dice.pick(Basic=0.45, Team=0.35, Enterprise=0.2)
    region, meetings = dice.pick(North=0.3, South=0.3, West=0.25, East=0.15), dice.chance.poisson(3, 1200)
    base = np.select([product == "Basic", product == "Team"], [1200, 4200], 15500)
    amount = (
        base
        * (1 + 0.035 * seats)
        * (employees / 120) ** 0.22
        * (1 + 0.06 * meetings)
        * np.exp(dice.chance.normal(0, 0.25, 1200))
    )
    table = pd.DataFrame({
        "deal_id": dice.keys("D"), "created": dice.days("2025-03-01", "2026-10-31").dt.strftime("%Y-%m-%d"), "product": product, "region": region,
        "employees": employees, "seats_asked_for": seats, "meetings": meetings, "owner": dice.pick(Anna=0.4, Ben=0.35, Chris=0.25),
        "amount": np.round(amount, -1).astype(int),
    })  # fmt: skip
    return with_open_end(table, "amount", 180)


TEMPLATE = Template(
    kind="deal_size", title="Deal size", icon="hand-coins", order=60, noun="deal",
    questions=("How much will each deal bring?", "What will this order be worth?"),
    words="One record is a deal. Of past ones the amount is known; the open ones get an estimate.",
    parts=(
        Part("who", "Which deal", "The number of each deal", "key", ("opportunity id", "deal id", "quote number", "opportunity", "deal", "offer", "quote"), NAMES),
        Part("outcome", "What it brought", "The amount; blank while it is open", "outcome",
             ("amount", "deal value", "deal size", "contract value", "order value", "revenue", "total", "price", "value"), NUMBERS, required=True),
        Part("started", "When it began", "The day it was opened", "started", ("created date", "created", "opened", "offer date", "date"), frozenset({"date"})),
        Part("owner", "Who works on it", "A colleague’s name or e-mail address", "owner", ("opportunity owner", "owner email", "owner", "sales rep"), NAMES),
    ),
    outcome=Outcome("regression"),
    score="Expected amount", bands={"high": "large", "medium": "middling", "low": "small"},
    sample=sample, sample_words="1,200 deals of a software company", hindsight=("invoice", "paid", "close date", "discount given", "margin"),
)  # fmt: skip
