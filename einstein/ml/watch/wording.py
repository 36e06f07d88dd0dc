"""Numbers, shares, days and values as the messages of alarms write them."""

from __future__ import annotations

from einstein.ml.types.date import as_date


def plain(level: str) -> str:
    """Letters and digits alone, small: what two spellings of a name have in common."""
    return "".join(character for character in level.casefold() if character.isalnum())


def shown(value: float | str, is_date: bool = False) -> str:
    """A value as written: a number, a day, or a text in quotation marks."""
    if is_date and not isinstance(value, str):
        return day(value)
    return f"“{value[:60]}”" if isinstance(value, str) else number(float(value))


def day(seconds: float) -> str:
    """Seconds since 1970 as a day."""
    try:
        return f"{as_date(seconds):%d %b %Y}"
    except (OverflowError, ValueError):
        return "a date that cannot be"


def number(value: float) -> str:
    """Four digits that count, thousands parted."""
    if value == 0 or 1e-4 <= abs(value) < 1e15:
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:.3g}"


def percent(share: float) -> str:
    """Whole percents, one decimal below ten."""
    return f"{100 * share:.0f}%" if share >= 0.095 or share == 0 else f"{100 * share:.1f}%"
