"""Plotly figures of scores, as data."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from apps.predictions.charts import LINE, figure, run_axis, x_axis, y_axis
from apps.predictions.models import Prediction
from apps.scoring.history import Point
from apps.scoring.models import Score, ScoringRun
from einstein.ml.reasons import value_words
from einstein.web.templatetags.words import plural

BAND_COLOURS = {"high": "--chart-1", "medium": "--chart-1", "low": "--chart-rest"}


def score_distribution(prediction: Prediction, run: ScoringRun) -> dict[str, Any]:
    """All records by score."""
    nouns = plural(prediction.dataset.noun)
    high = run.bands.get("high", 0)
    title = f"{high:,} of {run.scored:,} {nouns} are in the High band"
    cut = run.version.facts["bands"]["high"]
    scale = 1 if prediction.task == "regression" else 100
    middles = [scale * (left + right) / 2 for left, right, _ in run.histogram]
    counts = [count for _, _, count in run.histogram]
    colours = ["--chart-1" if left >= cut - 1e-9 else "--chart-rest" for left, _, _ in run.histogram]
    suffix = "" if prediction.task == "regression" else "%"
    data = [
        {
            "type": "bar",
            "x": middles,
            "y": counts,
            "marker": {"color": colours},
            "hovertemplate": "%{y:,} at about %{x:,.3g}" + suffix + "<extra></extra>",
        }
    ]
    layout = {"xaxis": x_axis(ticksuffix=suffix), "yaxis": y_axis(rangemode="tozero"), "bargap": 0.08, "height": 190}
    rows = [
        [f"{scale * left:,.4g}{suffix} to {scale * right:,.4g}{suffix}", f"{count:,}"]
        for left, right, count in run.histogram
        if count
    ]
    return figure(
        title,
        f"{nouns.capitalize()} by score; the High band is dark",
        f"{title}.",
        data,
        layout,
        ["Score", nouns.capitalize()],
        rows,
        size="low",
    )


def reasons(prediction: Prediction, score: Score) -> dict[str, Any] | None:
    """How each field moves this record away from the average."""
    if not score.reasons:
        return None
    shown = list(reversed(score.reasons))
    names = [value_words(reason["field"], reason["value"]) for reason in shown]
    sizes = [(100 if reason["direction"] == "raises" else -100) * reason["share"] for reason in shown]
    colours = ["--raises" if size > 0 else "--lowers" for size in sizes]
    first = score.reasons[0]
    title = f"{value_words(first['field'], first['value'])}: that {first['direction']} the score most"
    widest = max(abs(size) for size in sizes)
    data = [{"type": "bar", "orientation": "h", "y": [_short(name) for name in names], "x": sizes, "marker": {"color": colours},
             "text": [reason["direction"] + (f" {reason['size']}" if reason["size"] else "") for reason in shown], "textposition": "outside",
             "cliponaxis": False, "hoverinfo": "skip"}]  # fmt: skip
    layout = {"xaxis": x_axis(showticklabels=False, range=[-1.5 * widest, 1.5 * widest]), "yaxis": {"automargin": True, "fixedrange": True, "ticksuffix": "  "},
              "height": 40 + 32 * len(shown), "bargap": 0.35, "margin": {"l": 10, "r": 10, "t": 6, "b": 10}}  # fmt: skip
    # On a phone each name stands above its bar, and the direction with it: colour alone never says it.
    above = [{"xref": "paper", "x": 0, "xanchor": "left", "y": place, "yshift": 17, "showarrow": False, "text": f"{_short(name)}: {reason['direction']}",
              "font": {"size": 12, "color": "--chart-ink"}} for place, (name, reason) in enumerate(zip(names, shown, strict=True))]  # fmt: skip
    narrow = {
        "data": [{"text": None, "width": 0.35, "y": list(range(len(shown)))}],
        "layout": {"annotations": above, "yaxis": {"showticklabels": False, "fixedrange": True, "range": [-0.6, len(shown)]},
                   "xaxis": x_axis(showticklabels=False, range=[-widest, widest]), "height": 30 + 48 * len(shown)},
    }  # fmt: skip
    rows = [
        [value_words(reason["field"], reason["value"]), f"{reason['direction']} {reason['size']}".strip()]
        for reason in score.reasons
    ]
    return figure(
        title,
        f"How each field moves this {prediction.dataset.noun} away from the average",
        f"{title}.",
        data,
        layout,
        ["Field", "Effect"],
        rows,
        narrow,
    )


def history(prediction: Prediction, points: list[Point], zone: ZoneInfo) -> dict[str, Any]:
    """The record's score over the runs, before the ground of the High band."""
    scale, suffix = (1, "") if prediction.task == "regression" else (100, "%")
    values = [scale * point.value for point in points]
    shown = [f"{value:,.0f}%" if suffix else f"{value:,.4g}" for value in values]
    words = (
        "has not changed"
        if shown[0] == shown[-1]
        else f"went {'up' if values[-1] > values[0] else 'down'} from {shown[0]} to {shown[-1]}"
    )
    title = f"The score {words} over {len(points)} run{'s' if len(points) > 1 else ''}"
    when, axis = run_axis([point.run.as_of for point in points], zone)
    data = [{"x": list(range(len(values))), "y": values, "mode": "lines+markers", "line": LINE, "marker": {"size": 6, "color": "--chart-1"},
             "customdata": when, "hovertemplate": "%{y:.3g}" + suffix + " on %{customdata}<extra></extra>"}]  # fmt: skip
    layout: dict[str, Any] = {
        "xaxis": axis,
        "yaxis": y_axis(ticksuffix=suffix, **({"range": [0, 100]} if suffix else {})),
        "height": 200,
    }
    if suffix:
        cut = 100 * prediction.champion.facts["bands"]["high"]
        layout |= {"shapes": [{"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": cut, "y1": 100, "fillcolor": "--chart-band", "line": {"width": 0},
                               "layer": "below"}],
                   "annotations": [{"xref": "paper", "x": 0, "y": 100, "xanchor": "left", "yanchor": "top", "showarrow": False,
                                    "text": f"High, {cut:.0f}% and above", "font": {"size": 12, "color": "--chart-ink"}}]}  # fmt: skip
    rows = [[moment, value] for moment, value in zip(when, shown, strict=True)]
    return figure(title, "", f"{title}.", data, layout, ["When", "Score"], rows, size="low")


def _short(name: str) -> str:
    return name if len(name) <= 34 else name[:33] + "…"
