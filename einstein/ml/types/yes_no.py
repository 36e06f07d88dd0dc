"""Yes/no: two answers, in the languages of Excel's users."""

from __future__ import annotations

from einstein.ml.types.base import Evidence, FieldType

PAIRS = [
    ("yes", "no"), ("y", "n"), ("true", "false"), ("t", "f"), ("1", "0"), ("1.0", "0.0"), ("ja", "nein"), ("j", "n"),
    ("wahr", "falsch"), ("oui", "non"), ("vrai", "faux"), ("sí", "no"), ("si", "no"), ("sim", "não"), ("verdadero", "falso"),
    ("vero", "falso"), ("ja", "nee"), ("tak", "nie"), ("да", "нет"), ("はい", "いいえ"), ("是", "否"), ("evet", "hayır"),
]  # fmt: skip
YES = frozenset(yes for yes, _ in PAIRS)


class YesNo(FieldType):
    """The words are kept as written; they are the two levels of the field."""

    name, title, icon, order, family = "yes_no", "Yes/no", "toggle-right", 10, "category"

    def fits(self, evidence: Evidence) -> float:
        seen = {value.lower() for value in evidence.written}
        return 1.0 if len(seen) == 2 and any(seen == set(pair) for pair in PAIRS) else 0.0


def positive_answer(values: list[str]) -> str | None:
    """Which of the two answers means yes, as written; None when neither is known to."""
    return next((value for value in values if value.strip().lower() in YES), None)


TYPE = YesNo()
