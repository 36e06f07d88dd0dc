"""A reason of a score: what it holds and how it is said. It imports nothing large, because whatever shows scores needs it when it starts."""

from __future__ import annotations

from typing import Any

LEAST_SHARE = 0.02  # of the record's whole effect; smaller ones are not worth a reader's time
STRONG, WEAK = 0.30, 0.10  # of the record's whole effect: "a lot", (plain), "a little"
SHOWN_VALUE = 60


def reason(field: str, value: str | None, raises: bool, share: float) -> dict[str, Any]:
    return {
        "field": field, "value": value, "direction": "raises" if raises else "lowers", "size": size_words(share, STRONG, WEAK), "share": share,
    }  # fmt: skip


def size_words(share: float, strong: float, weak: float) -> str:
    """How much, for a share that is strong or weak from these shares on; nothing for what lies between."""
    return "a lot" if share >= strong else "a little" if share < weak else ""


def shown_value(value: Any) -> str | None:
    """A value as a reason shows it."""
    text = str(value).strip() if value is not None and value == value else ""
    return text[:SHOWN_VALUE] or None


def reason_words(reason: dict[str, Any]) -> str:
    """ "Contract is Month-to-month: raises"."""
    return f"{value_words(reason['field'], reason['value'])}: {reason['direction']}"


def value_words(field: str, value: str | None) -> str:
    return f"{field} is blank" if value is None else f"{field} is {value}"
