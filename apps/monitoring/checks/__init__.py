"""Checks: one folder a kind. A check is a pure function over the facts of a prediction; the folder is the registration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from einstein.ml.discovery import modules_in


@dataclass
class Facts:
    """What checks may look at. Times are aware; `observations` are those of the newest scoring run."""

    name: str
    noun: str
    schedule: str
    now: datetime
    grace_seconds: float
    last_slot_at: datetime | None
    next_run_at: datetime | None
    scored_at: datetime | None
    newest_run: dict[str, Any] | None
    last_attempt: dict[str, Any] | None
    observations: dict[tuple[str, str], tuple[float, dict[str, Any]]] = field(default_factory=dict)
    earlier_records: list[int] = field(default_factory=list)
    local: Callable[[datetime], str] = str


@dataclass(frozen=True)
class Finding:
    """What a check sees: `failing` None means there is nothing to judge yet. `answers` fill the alert when it fails."""

    failing: bool | None
    sees: str
    severity: str = "warning"
    title: str = ""
    answers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """The record of a check: its words and its function."""

    kind: str
    title: str
    order: int
    judge: Callable[[Facts], Finding]


@lru_cache
def registry() -> dict[str, Check]:
    """Every check by kind, in the order the page shows them."""
    found: list[Check] = [module.CHECK for module in modules_in(__name__, __path__)]
    return {check.kind: check for check in sorted(found, key=lambda check: check.order)}
