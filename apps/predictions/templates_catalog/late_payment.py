"""Late payment: which invoices will be paid late."""

from __future__ import annotations

import numpy as np
import pandas as pd

from apps.predictions.templates_catalog.base import (
    ANSWERS,
    NAMES,
    NUMBERS,
    Dice,
    Outcome,
    Part,
    Template,
    with_open_end,
)


def sample() -> pd.DataFrame:
    """1,400 invoices in the order of their dates; the last 200 are not due yet."""
    dice = Dice(1400, seed=13)
    issued = dice.days("2025-01-01", "2026-10-31")
    amount, terms = dice.skewed(1800, 0.9), dice.chance.choice([14, 30, 60], 1400, p=[0.3, 0.5, 0.2])
    before = np.clip(np.round(dice.chance.gamma(1.2, 9, 1400)), 0, 90)
    disputed = dice.pick(No=0.9, Yes=0.1)
    sector = dice.pick(Retail=0.35, Construction=0.25, Public=0.15, Services=0.25)
    late = (
        -9 + 0.9 * before + 4.5 * np.log(amount / 1800) + 9 * (disputed == "Yes") + 8 * (sector == "Construction") - 3 * (sector == "Public")
        + 0.08 * terms + dice.chance.normal(0, 7, 1400)
    )  # fmt: skip
    table = pd.DataFrame({
        "invoice_no": dice.keys("INV"), "customer": [f"K{number:03d}" for number in dice.whole(1, 220)], "invoice_date": issued.dt.strftime("%Y-%m-%d"),
        "due_date": (issued + pd.to_timedelta(terms, unit="D")).dt.strftime("%Y-%m-%d"), "amount": np.round(amount, 2), "payment_terms_days": terms,
        "average_days_late_before": before.astype(int), "disputed": disputed, "sector": sector, "days_late": np.maximum(0, np.round(late)).astype(int),
    })  # fmt: skip
    return with_open_end(table, "days_late", 200)


TEMPLATE = Template(
    kind="late_payment", title="Late payment", icon="banknote", order=30, noun="invoice",
    questions=("Which invoices will be paid late?", "Which customers will need a reminder?"),
    words="One record is an invoice. Past ones were paid on time or late; the open ones are scored.",
    parts=(
        Part("who", "Which invoice", "The number of each invoice", "key", ("invoice number", "invoice no", "invoice id", "invoice", "document number", "bill"), NAMES),
        Part("outcome", "How late it was paid", "Days late, or paid late: yes or no; blank while it is open", "outcome",
             ("days late", "days overdue", "delay days", "paid late", "late", "overdue", "delay", "payment status", "default"), ANSWERS | NUMBERS,
             frozenset({"late", "on time", "paid", "yes", "no"}), required=True),
        Part("started", "Invoice date", "The day it was sent", "started", ("invoice date", "issued", "billing date", "document date", "date"), frozenset({"date"})),
        Part("owner", "Who looks after it", "A colleague’s name or e-mail address", "owner", ("owner email", "owner", "accountant", "clerk", "responsible"), NAMES),
    ),
    outcome=Outcome("binary", ("late", "overdue", "unpaid", "yes", "true", "1"), rule=("more", "7")),
    score="Chance of being late", bands={"high": "likely to be late", "medium": "may be late", "low": "likely to be on time"},
    sample=sample, sample_words="1,400 invoices of a wholesaler", hindsight=("paid date", "payment date", "settled", "dunning", "reminder"),
)  # fmt: skip
