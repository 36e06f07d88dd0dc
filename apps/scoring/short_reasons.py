"""Reasons as the scores' table keeps them: short, because they are most of a row and every night writes every row again (docs/decisions/0029)."""

from __future__ import annotations

from typing import Any

import orjson

from einstein.ml.reasons import reason

PLACES = 10_000  # a share has four decimals


def shortened(reasons: list[dict[str, Any]]) -> str:
    """A JSON list of field, value and share in ten thousandths, field after field; the share of what lowers is negative."""
    parts: list[Any] = []
    for why in reasons:
        share = round(why["share"] * PLACES)
        parts += why["field"], why["value"], share if why["direction"] == "raises" else -share
    return orjson.dumps(parts).decode()


def spelled_out(short: str) -> list[dict[str, Any]]:
    """The reasons again, as `einstein.ml.explain.reasons_of` gave them."""
    parts = iter(orjson.loads(short))
    return [
        reason(field, value, share > 0, abs(share) / PLACES)
        for field, value, share in zip(parts, parts, parts, strict=True)
    ]
