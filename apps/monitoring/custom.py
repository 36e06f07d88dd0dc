"""Checks that people make by clicks: a figure of each run against a number, for so many runs in a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.monitoring.checks import Facts, Finding
from apps.monitoring.models import CustomCheck
from apps.predictions.models import Prediction

VALUE, BLANK, OUTSIDE = 0, 3, 4  # places in a look's row of a field


@dataclass(frozen=True)
class Metric:
    """A figure that can be checked. `percent` ones are typed as percent and kept as shares."""

    name: str
    words: str
    percent: bool
    of_field: bool
    read: Callable[[dict[str, Any], str], float | None]


def _cell(look: dict[str, Any], field: str, place: int) -> float | None:
    return (look["fields"].get(field) or [None] * 6)[place]


METRICS = {
    metric.name: metric
    for metric in (
        Metric("records", "Number of records scored", False, False, lambda look, field: look["records"]),
        Metric("high", "Share of records in the High band", True, False, lambda look, field: look["scores"].get("high")),
        Metric("mean", "Mean score", False, False, lambda look, field: look["scores"].get("mean")),
        Metric("value", "Middle value of a field", False, True, lambda look, field: _cell(look, field, VALUE)),
        Metric("blank", "Share of records where a field is empty", True, True, lambda look, field: _cell(look, field, BLANK)),
        Metric("outside", "Share of records outside what the model learned", True, True, lambda look, field: _cell(look, field, OUTSIDE)),
    )
}  # fmt: skip


def custom_findings(prediction: Prediction, facts: Facts) -> dict[str, Finding]:
    """What each custom check sees, by a kind of its own."""
    return {
        f"custom:{check.id}": _judge(check, facts)
        for check in CustomCheck.objects.filter(prediction=prediction).order_by("id")
    }


def words_of(check: CustomCheck) -> str:
    """ "Share of records where tenure is empty above 5% for 2 runs"."""
    metric = METRICS[check.metric]
    what = metric.words.replace("a field", check.field or "a field")
    runs = f" for {check.runs} runs in a row" if check.runs > 1 else ""
    return f"{what} {'above' if check.above else 'below'} {shown(metric, check.limit)}{runs}"


def shown(metric: Metric, value: float) -> str:
    """A figure as people read it."""
    return f"{100 * value:,.4g}%" if metric.percent else f"{value:,.6g}"


def _judge(check: CustomCheck, facts: Facts) -> Finding:
    metric = METRICS[check.metric]
    looks = [facts.look, *facts.earlier][: check.runs] if facts.look else []
    values = [metric.read(look, check.field) for look in looks if look]
    if len(values) < check.runs or values[0] is None:
        return Finding(None, "Too few runs to judge yet.")
    over = [value is not None and (value > check.limit if check.above else value < check.limit) for value in values]
    sees = f"It was {shown(metric, values[0])} in the newest run."
    if not all(over):
        return Finding(False, sees)
    answers = {
        "what": f"{words_of(check)}. {sees}", "since": facts.local(looks[-1]["at"]), "why": "The check that somebody made for this prediction says so.",
        "affects": "The scores are still shown.", "fields": [check.field] if check.field else [],
        "todo": [["If it needs somebody,", "look at the history of this figure on the monitoring page."], ["If it does not,", "change the check there."]],
    }  # fmt: skip
    return Finding(True, answers["what"], check.severity, f"{facts.name}: {words_of(check)}", answers, cause="dataset")
