"""Demand of an item: how much of it will be sold."""

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
    """1,560 weeks of items in shops, in the order of time; the last 156 are still to come."""
    dice = Dice(1560, seed=18)
    week = np.arange(1560) // 15
    item = np.array(["Coffee", "Tea", "Cocoa", "Juice", "Water"])[np.arange(1560) % 5]
    shop = np.array(["Centre", "Station", "Suburb"])[np.arange(1560) // 5 % 3]
    price = np.select(
        [item == "Coffee", item == "Tea", item == "Cocoa", item == "Juice"], [6.5, 3.2, 4.1, 2.6], 0.9
    ) * (1 + dice.chance.normal(0, 0.05, 1560))
    offer = dice.pick(No=0.82, Yes=0.18)
    warm = 12 + 9 * np.sin((week - 14) / 52 * 2 * np.pi) + dice.chance.normal(0, 2, 1560)
    usual = np.select([item == "Coffee", item == "Tea", item == "Cocoa", item == "Juice"], [240, 90, 70, 160], 320)
    thirst = np.select(
        [item == "Water", item == "Juice", item == "Cocoa", item == "Tea"], [0.03, 0.025, -0.035, -0.02], 0.0
    )
    reach = np.select([shop == "Centre", shop == "Station"], [1.0, 1.35], 0.6)
    sold = (
        usual
        * reach
        * np.exp(thirst * (warm - 12))
        * (1 + 0.45 * (offer == "Yes"))
        * np.exp(dice.chance.normal(0, 0.12, 1560))
    )
    begins = pd.Timestamp("2024-11-04") + pd.to_timedelta(week * 7, unit="D")
    table = pd.DataFrame({
        "line": dice.keys("W"), "week_begins": begins.strftime("%Y-%m-%d"), "item": item, "shop": shop, "price": np.round(price, 2), "special_offer": offer,
        "temperature": np.round(warm, 1), "sold": np.round(sold).astype(int),
    })  # fmt: skip
    return with_open_end(table, "sold", 156)


TEMPLATE = Template(
    kind="item_demand", title="Demand of an item", icon="package", order=80, noun="week",
    questions=("How much of each item will be sold?", "How much should we order?"),
    words="One record is an item in a shop and a week. Of past ones it is known how many were sold; those to come get an estimate.",
    parts=(
        Part("who", "Which line", "What names each line, if anything does", "key", ("line", "row id", "record id", "id"), NAMES),
        Part("outcome", "How many were sold", "A number; blank for times to come", "outcome",
             ("units sold", "quantity sold", "sold", "demand", "sales", "quantity", "volume", "units"), NUMBERS, required=True),
        Part("started", "When", "The day or the first day of the week", "started", ("week begins", "week", "sales date", "date", "day", "month"), frozenset({"date"})),
        Part("owner", "Who orders it", "A colleague’s name or e-mail address", "owner", ("buyer", "planner", "owner"), NAMES),
    ),
    outcome=Outcome("regression"),
    score="Expected sales", bands={"high": "much", "medium": "middling", "low": "little"},
    sample=sample, sample_words="two years of five items in three shops", hindsight=("revenue", "turnover", "stock after", "total sold"),
)  # fmt: skip
