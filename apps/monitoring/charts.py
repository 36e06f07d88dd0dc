"""Plotly figures of monitoring, as data: how the last runs went, in the workspace's own time."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from apps.monitoring.models import Look
from apps.predictions.charts import LINE, figure, run_axis, x_axis, y_axis
from apps.predictions.models import Prediction
from apps.scoring.models import ScoringRun
from apps.scoring.queries import BANDS
from einstein.web.templatetags.words import plural


def produced(prediction: Prediction, runs: list[ScoringRun], zone: ZoneInfo) -> dict[str, Any] | None:
    """Scores of each run; the newest one dark."""
    if not runs:
        return None
    when, axis = run_axis([run.as_of for run in runs], zone)
    title = f"The newest run scored {runs[-1].scored:,} {plural(prediction.dataset.noun)}"
    colours = ["--seq-2"] * (len(runs) - 1) + ["--chart-1"]
    data = [{"type": "bar", "x": list(range(len(runs))), "y": [run.scored for run in runs], "marker": {"color": colours}, "customdata": when,
             "hovertemplate": "%{y:,} on %{customdata}<extra></extra>"}]  # fmt: skip
    layout = {
        "xaxis": axis,
        "yaxis": y_axis(rangemode="tozero"),
        "height": 190,
        "bargap": 0.35 if len(runs) > 5 else 0.7,
    }
    rows = [[moment, f"{run.scored:,}"] for moment, run in zip(when, runs, strict=True)]
    unit = f"Scores produced by each of the last {len(runs)} runs"
    return figure(title, unit, f"{title}.", data, layout, ["Run", "Scores"], rows, size="low")


def high_band(prediction: Prediction, runs: list[ScoringRun], zone: ZoneInfo) -> dict[str, Any] | None:
    """Share of records in the High band against what it was in training."""
    if not runs:
        return None
    usual = 100 * runs[-1].version.facts["score_reference"]["bands"]["high"]
    shares = [100 * run.bands.get("high", 0) / max(1, run.scored) for run in runs]
    when, axis = run_axis([run.as_of for run in runs], zone)
    title = f"{shares[-1]:.0f}% are in the High band; {usual:.0f}% were in training"
    low, high = max(0, usual - 10), min(100, usual + 10)
    layout = {"xaxis": axis, "yaxis": y_axis(ticksuffix="%", range=[0, max(*shares, high) * 1.25]), "shapes": [_band(low, high)],
              "annotations": [_words(1, high, f"usual: {low:.0f}% to {high:.0f}%")], "height": 190}  # fmt: skip
    rows = [[moment, f"{share:.1f}%"] for moment, share in zip(when, shares, strict=True)]
    unit = f"Share of {plural(prediction.dataset.noun)} in the High band, each run"
    return figure(
        title, unit, f"{title}.", [_line(when, shares)], layout, ["Run", "In the High band"], rows, size="low"
    )


def performance(looks: list[Look], zone: ZoneInfo) -> dict[str, Any] | None:
    """How right the scores promise to be, each run, against what was usual."""
    told = [look for look in looks if "estimated" in look.scores]
    if not told:
        return None
    newest, ranked = told[-1].scores, told[-1].scores["metric"] == "auc"
    factor = 100 if ranked else 1
    values, usual = [factor * look.scores["estimated"] for look in told], factor * newest["estimated_usual"]
    when, axis = run_axis([look.at for look in told], zone)
    title = (
        f"Of 100 pairs about {values[-1]:.0f} should be ranked rightly; {usual:.0f} were usual"
        if ranked
        else f"Predictions should miss by about {values[-1]:.4g}; {usual:.4g} was usual"
    )
    room = max(abs(value - usual) for value in values) + (3 if ranked else 0.1 * abs(usual))
    layout = {
        "xaxis": axis, "yaxis": y_axis(range=[usual - 1.3 * room, usual + 1.3 * room]), "height": 190,
        "shapes": [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": usual, "y1": usual, "line": {"color": "--chart-rest", "dash": "dash", "width": 1.5}}],
        "annotations": [_words(1, usual, "usual")],
    }  # fmt: skip
    data = [_line(when, values) | {"hovertemplate": "%{y:.3g} on %{customdata}<extra></extra>"}]
    unit = "Estimated from the scores themselves, before outcomes are known" + (
        " (ROC AUC times 100)" if ranked else " (mean absolute error)"
    )
    rows = [[moment, f"{value:.3g}"] for moment, value in zip(when, values, strict=True)]
    return figure(title, unit, f"{title}.", data, layout, ["Run", "Estimated"], rows, size="low")


def came_true(prediction: Prediction, bands: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What was said and what came true of each band's records; None while nothing is known."""
    if not bands:
        return None
    numbers = prediction.task == "regression"
    factor, unit = (1.0, "") if numbers else (100.0, "%")
    count = sum(band["count"] for band in bands)
    said, came = (factor * sum(band[name] * band["count"] for band in bands) / count for name in ("said", "came"))
    noun = plural(prediction.dataset.noun, count)
    title = f"{count:,} {noun} whose outcome has come since: {_short(said, unit)} was said on average, {_short(came, unit)} came true"
    names = [BANDS[band["band"]] for band in bands]
    data = [
        {"type": "bar", "name": words, "x": names, "y": [factor * band[name] for band in bands], "marker": {"color": colour},
         "text": [_short(factor * band[name], unit) for band in bands], "textposition": "outside", "cliponaxis": False,
         "hovertemplate": f"{words}: %{{text}}<extra>%{{x}}</extra>"}
        for name, words, colour in (("said", "Said", "--seq-2"), ("came", "Came true", "--chart-1"))
    ]  # fmt: skip
    top = max(factor * band[name] for band in bands for name in ("said", "came"))
    layout = {"xaxis": x_axis(), "yaxis": y_axis(ticksuffix=unit, range=[0, 1.25 * top] if top > 0 else None), "height": 210, "bargap": 0.4,
              "showlegend": True, "legend": {"orientation": "h", "y": 1.15, "x": 1, "xanchor": "right"}, "barmode": "group"}  # fmt: skip
    rows = [
        [
            BANDS[band["band"]],
            f"{band['count']:,}",
            _short(factor * band["said"], unit),
            _short(factor * band["came"], unit),
        ]
        for band in bands
    ]
    what = (
        "Average of what was foretold and of what came"
        if numbers
        else "Chance said on average, and share that came true"
    )
    return figure(
        title,
        f"{what}, by band, the last 90 days",
        f"{title}.",
        data,
        layout,
        ["Band", "Outcomes", "Said", "Came true"],
        rows,
        size="low",
    )


def _short(value: float, unit: str) -> str:
    return f"{value:.0f}{unit}" if unit else f"{value:,.4g}"


def _line(when: list[str], values: list[float]) -> dict[str, Any]:
    return {"x": list(range(len(values))), "y": values, "mode": "lines+markers", "line": LINE, "marker": {"size": 7, "color": "--chart-1"},
            "customdata": when, "hovertemplate": "%{y:.1f}% on %{customdata}<extra></extra>"}  # fmt: skip


def _band(low: float, high: float) -> dict[str, Any]:
    return {
        "type": "rect",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": low,
        "y1": high,
        "fillcolor": "--chart-band",
        "line": {"width": 0},
        "layer": "below",
    }


def _words(x: float, y: float, text: str, side: str = "right") -> dict[str, Any]:
    return {"xref": "paper", "x": x, "y": y, "yanchor": "bottom", "xanchor": side, "showarrow": False, "text": text,
            "font": {"size": 12, "color": "--chart-ink"}}  # fmt: skip
