"""Plotly figures of monitoring, as data: how the last runs went, in the workspace's own time."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from apps.monitoring.models import Alert
from apps.predictions.charts import LINE, figure, run_axis, y_axis
from apps.predictions.models import Prediction
from apps.scoring.models import ScoringRun
from einstein.web.templatetags.words import plural

USUAL_OUTSIDE = 1.0  # percent; the check's own limit
OTHERS_SHOWN = 12


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


def worst_range(
    prediction: Prediction, runs: list[ScoringRun], shares: dict[str, list[float]], alert: Alert | None, zone: ZoneInfo
) -> dict[str, Any] | None:
    """The field that is furthest out of its learnt range, over the runs, with the moment its alert opened."""
    if not shares:
        return None
    worst, values = max(shares.items(), key=lambda item: item[1][-1])
    when, axis = run_axis([run.as_of for run in runs], zone)
    nouns = plural(prediction.dataset.noun)
    outside = values[-1] > USUAL_OUTSIDE
    title = (
        f"{worst} is out of range for {values[-1]:.3g}% of {nouns}"
        if outside
        else "Every field looks as it did in training"
    )
    layout: dict[str, Any] = {"xaxis": axis, "yaxis": y_axis(ticksuffix="%", range=[0, max(5.0, *values) * 1.25]), "shapes": [_band(0, USUAL_OUTSIDE)],
                              "annotations": [_words(0, USUAL_OUTSIDE, "usual: up to 1%", "left")], "height": 230}  # fmt: skip
    if alert is not None and outside:
        _mark_alert(layout, alert, runs, zone)
    rows = [[moment, f"{value:.1f}%"] for moment, value in zip(when, values, strict=True)]
    unit = f"{worst}: share of {nouns} with a value the model never saw while learning"
    return figure(title, unit, f"{title}.", [_line(when, values)], layout, ["Run", "Outside"], rows)


def other_ranges(shares: dict[str, list[float]]) -> list[dict[str, Any]]:
    """The other fields as small lines, worst first: name, newest share in percent, share of each run."""
    ordered = sorted(shares.items(), key=lambda item: -item[1][-1])[1 : OTHERS_SHOWN + 1]
    return [{"name": name, "newest": values[-1], "values": values} for name, values in ordered]


def _mark_alert(layout: dict[str, Any], alert: Alert, runs: list[ScoringRun], zone: ZoneInfo) -> None:
    before = [place for place, run in enumerate(runs) if run.as_of <= alert.opened_at]
    place = before[-1] if before else 0
    opened = alert.opened_at.astimezone(zone)
    layout["shapes"].append({"type": "line", "x0": place, "x1": place, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": "--warn-fill", "dash": "dot", "width": 1.5}})  # fmt: skip
    words = {"x": place, "yref": "paper", "y": 1, "yanchor": "bottom", "xanchor": "right" if place > len(runs) / 2 else "left", "showarrow": False,
             "text": f"Alert: {opened.day} {opened:%b, %H:%M}", "font": {"size": 12, "color": "--warn"}}  # fmt: skip
    layout["annotations"].append(words)
    layout["margin"] = {"l": 44, "r": 16, "t": 26, "b": 40}


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
