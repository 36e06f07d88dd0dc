"""Money: a number with a currency, or a number in a field named like one."""

from __future__ import annotations

from dataclasses import replace

from einstein.ml.types.base import NEEDED_SHARE, Evidence
from einstein.ml.types.numbers import COMMA, CURRENCY, NOT_NUMBERS, POINT, Number, share

HINTS = ("price", "amount", "charge", "charges", "revenue", "cost", "costs", "salary", "income", "fare", "fee", "mrr", "arr",
         "betrag", "preis", "umsatz", "prix", "montant", "precio", "importe")  # fmt: skip


class Money(Number):
    """Parsed like a number once the currency is taken off."""

    name, title, icon, order, family = "money", "Money", "banknote", 40, "number"

    def fits(self, evidence: Evidence) -> float:
        evidence = replace(evidence, values=[value for value in evidence.values if value.lower() not in NOT_NUMBERS])
        if not evidence.values or evidence.named("ratio", "share", "rate"):
            return 0.0
        marked = [value for value in evidence.values if CURRENCY.search(value)]
        bare = [CURRENCY.sub("", value).strip() for value in evidence.values]
        readable = max(share(bare, POINT), share(bare, COMMA))
        if readable < NEEDED_SHARE:
            return 0.0
        if len(marked) >= 0.5 * len(evidence.values):
            return 1.0
        return 0.9 if evidence.named(*HINTS) and evidence.distinct > 2 else 0.0


TYPE = Money()
