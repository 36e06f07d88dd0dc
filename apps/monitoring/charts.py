"""Plotly figures of monitoring, as data."""

from __future__ import annotations

from typing import Any

from apps.monitoring.models import Observation
from apps.predictions.charts import figure, x_axis, y_axis
from apps.predictions.models import Prediction
from apps.scoring.models import ScoringRun
from einstein.web.templatetags.words import plural

USUAL_OUTSIDE = 1.0  # percent; the check's own limit


def produced(prediction: Prediction, runs: list[ScoringRun]) -> dict[str, Any] | None:
    """Scores of each run."""
    if not runs:
        return None
    nouns = plural(prediction.dataset.noun)
    last = runs[-1]
    title = f"The newest run scored {last.scored:,} {nouns}"
    when = [f"{run.as_of:%d %b %H:%M}" for run in runs]
    data = [
        {
            "type": "bar",
            "x": when,
            "y": [run.scored for run in runs],
            "marker": {"color": "--chart-1"},
            "hovertemplate": "%{y:,} on %{x}<extra></extra>",
        }
    ]
    layout = {
        "xaxis": x_axis(type="category", nticks=5),
        "yaxis": y_axis(rangemode="tozero"),
        "height": 190,
        "bargap": 0.35 if len(runs) > 5 else 0.7,
    }
    rows = [[moment, f"{run.scored:,}"] for moment, run in zip(when, runs, strict=True)]
    return figure(
        title,
        f"Scores produced by each of the last {len(runs)} runs",
        f"{title}.",
        data,
        layout,
        ["Run", "Scores"],
        rows,
        size="low",
    )


def high_band(prediction: Prediction, runs: list[ScoringRun]) -> dict[str, Any] | None:
    """Share of records in the High band against what it was in training."""
    if not runs:
        return None
    nouns = plural(prediction.dataset.noun)
    usual = 100 * runs[-1].version.facts["score_reference"]["bands"]["high"]
    shares = [100 * run.bands.get("high", 0) / max(1, run.scored) for run in runs]
    title = f"{shares[-1]:.0f}% are in the High band; {usual:.0f}% were in training"
    when = [f"{run.as_of:%d %b %H:%M}" for run in runs]
    low, high = max(0, usual - 10), min(100, usual + 10)
    band = {
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
    words = {"xref": "paper", "x": 1, "y": high, "yanchor": "bottom", "xanchor": "right", "showarrow": False, "text": f"usual: {low:.0f}% to {high:.0f}%",
             "font": {"size": 12, "color": "--chart-ink"}}  # fmt: skip
    data = [{"x": when, "y": shares, "mode": "lines+markers", "line": {"color": "--chart-1", "width": 2.25}, "marker": {"size": 7, "color": "--chart-1"},
             "hovertemplate": "%{y:.1f}% on %{x}<extra></extra>"}]  # fmt: skip
    layout = {"xaxis": x_axis(type="category", nticks=5), "yaxis": y_axis(ticksuffix="%", range=[0, max(*shares, high) * 1.25]), "shapes": [band],
              "annotations": [words], "height": 190}  # fmt: skip
    rows = [[moment, f"{share:.1f}%"] for moment, share in zip(when, shares, strict=True)]
    return figure(
        title,
        f"Share of {nouns} in the High band, each run",
        f"{title}.",
        data,
        layout,
        ["Run", "In the High band"],
        rows,
        size="low",
    )


def ranges(prediction: Prediction, history: dict[str, list[Observation]]) -> dict[str, Any] | None:
    """The newest share outside the learnt range, field by field, worst first."""
    newest = sorted(((name, 100 * rows[-1].value) for name, rows in history.items()), key=lambda item: -item[1])[:12]
    if not newest:
        return None
    nouns = plural(prediction.dataset.noun)
    worst, share = newest[0]
    title = (
        f"{worst} is out of range for {share:.1f}% of {nouns}"
        if share > USUAL_OUTSIDE
        else "Every field looks as it did in training"
    )
    shown = newest[::-1]
    colours = ["--chart-2" if value > USUAL_OUTSIDE else "--chart-1" for _, value in shown]
    data = [{"type": "bar", "orientation": "h", "y": [name[:28] for name, _ in shown], "x": [value for _, value in shown], "marker": {"color": colours},
             "text": [f"{value:.1f}%" for _, value in shown], "textposition": "outside", "cliponaxis": False, "hoverinfo": "skip"}]  # fmt: skip
    widest = max(5.0, newest[0][1] * 1.25)
    limit = {
        "type": "line",
        "x0": USUAL_OUTSIDE,
        "x1": USUAL_OUTSIDE,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": "--chart-rest", "dash": "dot", "width": 1.5},
    }
    layout = {"xaxis": x_axis(ticksuffix="%", range=[0, widest]), "yaxis": {"automargin": True, "fixedrange": True, "ticksuffix": "  "}, "shapes": [limit],
              "height": 70 + 26 * len(shown), "margin": {"l": 10, "r": 40, "t": 6, "b": 36}}  # fmt: skip
    rows = [[name, f"{value:.1f}%"] for name, value in newest]
    unit = f"Share of {nouns} with a value the model never saw while learning, newest run; up to 1% is usual"
    return figure(title, unit, f"{title}.", data, layout, ["Field", "Outside"], rows)
