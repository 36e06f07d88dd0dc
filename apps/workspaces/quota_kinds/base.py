"""The contract of a quota: how much is used, what counts, and what to do when it is full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def counted(one: str, many: str) -> Callable[[int], str]:
    """Words for a number of things: "1 record", "2,000 records"."""
    return lambda number: f"{number:,} {one if number == 1 else many}"


def in_bytes(number: int) -> str:
    """ "1.2 GB", in units of 1,024."""
    size, unit = float(number), "bytes"
    for larger in ("KB", "MB", "GB", "TB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:,.0f} {unit}" if unit == "bytes" or size.is_integer() else f"{size:,.1f} {unit}"


@dataclass(frozen=True)
class Quota:
    """One kind of limit. `used` is asked inside a workspace's scope and costs a query or two; `measure`, where it costs more, is asked by the clock only.

    Sentences read "This workspace may {may} {words(limit)}"; `advice` is what its members can do themselves. `default` counts where neither
    EINSTEIN_QUOTAS nor an operator says otherwise.
    """

    kind: str
    title: str
    may: str
    words: Callable[[int], str]
    default: int
    used: Callable[[], int]
    advice: str
    order: int
    monthly: bool = False
    measure: Callable[[], int] | None = None
