"""Money: a number with a currency, or a number in a field named like one."""

from __future__ import annotations

from einstein.ml.types.base import NEEDED_SHARE, Evidence, share, share_where
from einstein.ml.types.numbers import COMMA, CURRENCY, POINT, Number, without_currency

HINTS = ("price", "amount", "charge", "charges", "revenue", "cost", "costs", "salary", "income", "fare", "fee", "mrr", "arr",
         "betrag", "preis", "umsatz", "prix", "montant", "precio", "importe")  # fmt: skip


class Money(Number):
    """Parsed like a number once the currency is taken off."""

    name, title, icon, order, family = "money", "Money", "banknote", 40, "number"

    def fits(self, evidence: Evidence) -> float:
        if not evidence.telling or evidence.named("ratio", "share", "rate"):
            return 0.0
        marked = not evidence.is_plain and share_where(evidence.told, CURRENCY.search) >= 0.5
        if not marked and not (evidence.named(*HINTS) and evidence.distinct > 2):
            return 0.0
        bare = without_currency(evidence)
        if not any(share(bare, pattern, NEEDED_SHARE) for pattern in (POINT, COMMA)):
            return 0.0
        return 1.0 if marked else 0.9


TYPE = Money()
