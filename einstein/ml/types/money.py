"""Money: a number with a currency, or a number in a field named like one."""

from __future__ import annotations

from einstein.ml.types.base import NEEDED_SHARE, Evidence, share
from einstein.ml.types.numbers import COMMA, CURRENCY, POINT, Number

HINTS = ("price", "amount", "charge", "charges", "revenue", "cost", "costs", "salary", "income", "fare", "fee", "mrr", "arr",
         "betrag", "preis", "umsatz", "prix", "montant", "precio", "importe")  # fmt: skip


class Money(Number):
    """Parsed like a number once the currency is taken off."""

    name, title, icon, order, family = "money", "Money", "banknote", 40, "number"

    def fits(self, evidence: Evidence) -> float:
        values = evidence.telling
        if not values or evidence.named("ratio", "share", "rate"):
            return 0.0
        bare = [CURRENCY.sub("", value).strip() for value in values]
        if max(share(bare, POINT), share(bare, COMMA)) < NEEDED_SHARE:
            return 0.0
        if sum(bool(CURRENCY.search(value)) for value in values) >= 0.5 * len(values):
            return 1.0
        return 0.9 if evidence.named(*HINTS) and evidence.distinct > 2 else 0.0


TYPE = Money()
