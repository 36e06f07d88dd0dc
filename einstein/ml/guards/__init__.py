"""What must not be learnt from, or only after a person has looked. Each module in this folder holds one guard; the folder is the
registration, and `inspect_fields` asks them all."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from einstein.ml.discovery import modules_in
from einstein.ml.guards.base import Finding, Guard, Subject
from einstein.ml.outcome import Outcome
from einstein.ml.schema import FieldSpec

__all__ = ["Finding", "inspect_fields", "registry"]

MOST_RECORDS = 20_000  # a sample is enough to see a leak


@lru_cache
def registry() -> dict[str, Guard]:
    """Every guard by name, in the order in which they are asked."""
    found: list[Guard] = [module.GUARD for module in modules_in(__name__, __path__)]
    return {guard.name: guard for guard in sorted(found, key=lambda guard: guard.order)}


def inspect_fields(
    table: pd.DataFrame,
    specs: list[FieldSpec],
    outcome: Outcome,
    seed: int = 0,
    time_field: str | None = None,
    to_score: pd.DataFrame | None = None,
) -> list[Finding]:
    """At most one finding a field, in field order. `table` holds only records whose outcome is known; `to_score` others, if any."""
    rows = np.arange(len(table))
    if len(rows) > MOST_RECORDS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_RECORDS, replace=False))
    subject = Subject.of(table.iloc[rows], specs, outcome, rows, seed, time_field, to_score)
    found: dict[str, Finding] = {}
    for guard in registry().values():
        for finding in guard.look(subject):
            if finding.certain:
                subject.out.add(finding.field)
            if finding.field not in found or (finding.certain and not found[finding.field].certain):
                found[finding.field] = finding
    return [found[spec.name] for spec in specs if spec.name in found]
