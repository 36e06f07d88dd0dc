"""Faults of the installation: one file a kind. The folder is the registration; each has its page in docs/runbooks/."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from einstein.ml.discovery import modules_in


@dataclass(frozen=True)
class Fault:
    """One thing that can be wrong with the whole. `see` gives what is wrong now as a sentence, empty when nothing is.

    Operators are told once it has held for `holds` seconds, and that it is over once it was good for `calm` seconds; None is the grouping time
    of alerts, `EINSTEIN_GROUPING_SECONDS`. `advice` is the first thing to do; the rest stands in the runbook.
    """

    kind: str
    title: str
    advice: str
    order: int
    see: Callable[[], str]
    holds: int | None = None
    calm: int | None = None

    @property
    def runbook(self) -> str:
        return f"docs/runbooks/{self.kind.replace('_', '-')}.md"

    @property
    def opens_after(self) -> int:
        return settings.GROUPING_SECONDS if self.holds is None else self.holds

    @property
    def closes_after(self) -> int:
        return settings.GROUPING_SECONDS if self.calm is None else self.calm


@lru_cache
def registry() -> dict[str, Fault]:
    """Every fault by kind, the gravest first."""
    found: list[Fault] = [module.FAULT for module in modules_in(__name__, __path__)]
    return {fault.kind: fault for fault in sorted(found, key=lambda fault: fault.order)}
