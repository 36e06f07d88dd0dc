"""One slider in words: how much it takes before somebody is told, and how many alerts the last ninety days would have brought at each place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from apps.monitoring.checks import Facts, Finding
from apps.monitoring.models import Look
from apps.predictions.models import Prediction
from einstein.postgres import moment

PREVIEW = timedelta(days=90)
UNUSUAL = 0.7  # of the size that alarms
DRIFT = {"field_moved", "field_spread", "field_mix", "field_form", "field_rounding", "field_relation", "scores_moved"}


@dataclass(frozen=True)
class Level:
    """One place of the slider."""

    number: int
    name: str
    words: str


LEVELS = [
    Level(1, "Only what surely needs me", "No scores, scores that cannot be right, and data that is broken. What merely moved is shown on the page."),
    Level(2, "What probably needs me", "The same, and what moved the scores or a field the model leans on. This is how every prediction begins."),
    Level(3, "Anything worth a look", "The same, and changes of fields the model hardly uses, slow runs and old models."),
    Level(4, "Everything unusual", "The same, and fields that come near the edge of what is usual. Expect several a month that are nothing."),
]  # fmt: skip


def at_sensitivity(finding: Finding, facts: Facts) -> Finding:
    """What a check found, as grave as the slider makes it. Only what is a warning or worse is told."""
    if finding.failing and finding.severity == "warning" and facts.sensitivity == 1 and _is_drift(facts):
        return replace(finding, severity="info")
    if finding.failing and finding.severity == "info" and facts.sensitivity >= 3:
        return replace(finding, severity="warning")
    if finding.failing is False and facts.sensitivity == 4 and finding.sees.startswith("No field has moved"):
        return _unusual(finding, facts)
    return finding


def _is_drift(facts: Facts) -> bool:
    alarms = (facts.look or {}).get("alarms", [])
    return bool(alarms) and all(alarm["check"] in DRIFT for alarm in alarms)


def _unusual(finding: Finding, facts: Facts) -> Finding:
    """Fields near the edge of what is usual."""
    near = {
        field: row[5] for field, row in (facts.look or {"fields": {}})["fields"].items() if (row[5] or 0) >= UNUSUAL
    }
    if not near:
        return finding
    names = ", ".join(sorted(near, key=lambda field: -near[field])[:3])
    what = f"{names} {'is' if len(near) == 1 else 'are'} near the edge of what is usual."
    answers = {
        "what": what, "since": facts.local(facts.look["at"]) if facts.look else "", "why": "By chance, or because something begins to change.",
        "affects": "The scores are shown as always.", "fields": list(near), "todo": [["If you know why,", "there is nothing to do."], ["If not,", "look at the field’s history on the monitoring page."]],
    }  # fmt: skip
    return Finding(
        True,
        what,
        "warning",
        f"{facts.name}: {names} {'is' if len(near) == 1 else 'are'} unusual",
        answers,
        cause="dataset",
    )


def preview(prediction: Prediction) -> dict[int, int]:
    """How many alerts the looks of the last ninety days would have opened at each level."""
    looks = Look.objects.filter(prediction=prediction, at__gt=moment.now() - PREVIEW).order_by("at", "id")
    # Whether any field was unusual is asked of the database: two hundred fields of ninety looks are a megabyte.
    unusual = RawSQL("jsonb_path_exists(fields, %s::jsonpath)", [f"$.*[5] ? (@ >= {UNUSUAL})"], BooleanField())
    rows = list(looks.annotate(unusual=unusual).values_list("alarms", "unusual"))
    return {level.number: _openings(_loud(level.number, alarms, edge) for alarms, edge in rows) for level in LEVELS}


def _openings(states: Iterable[set[str]]) -> int:
    opened, before = 0, set[str]()
    for now in states:
        opened += len(now - before)
        before = now
    return opened


def _loud(level: int, alarms: list[dict[str, Any]], unusual: bool) -> set[str]:
    """The kinds of alerts that would be open after one look."""
    told = {_kind(alarm) for alarm in alarms if alarm["severity"] != "info"}
    if level == 1:
        return {kind for kind in told if kind != "drift"}
    if level >= 3:
        told |= {_kind(alarm) for alarm in alarms}
    if level == 4 and unusual:
        told.add("drift")
    return told


def _kind(alarm: dict[str, Any]) -> str:
    return "drift" if alarm["check"] in DRIFT else alarm["check"].split("_")[0]
