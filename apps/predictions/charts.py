"""Plotly figures of training and of the scorecard, as data. Colours are token names; the page resolves them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from apps.predictions.models import Prediction
from apps.runs.models import Run
from einstein.ml.members import FAMILIES

BASE: dict[str, Any] = {
    "margin": {"l": 44, "r": 16, "t": 10, "b": 40}, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "showlegend": False,
    "hovermode": "closest",
}  # fmt: skip
LINE = {"color": "--chart-1", "width": 2.25}


def x_axis(**extra: Any) -> dict[str, Any]:
    return {"showgrid": False, "zeroline": False, "fixedrange": True, **extra}


def y_axis(**extra: Any) -> dict[str, Any]:
    return {"gridcolor": "--chart-grid", "zeroline": False, "fixedrange": True, "nticks": 4, **extra}


def run_axis(moments: list[datetime], zone: ZoneInfo) -> tuple[list[str], dict[str, Any]]:
    """(each run's time in the workspace's zone, an axis with a place for each run and at most four labels).

    Runs stand side by side in order, so that two of the same minute never fall on one another.
    """
    local = [moment.astimezone(zone) for moment in moments]
    labels = [f"{moment.day} {moment:%b, %H:%M}" for moment in local]
    one_day = len({moment.date() for moment in local}) == 1
    last = len(moments) - 1
    places = sorted({round(last * part / 3) for part in range(4)})
    text = [f"{local[place]:%H:%M}" if one_day else f"{local[place].day} {local[place]:%b}" for place in places]
    return labels, x_axis(tickvals=places, ticktext=text, range=[-0.6, max(0.6, last + 0.6)])


def figure(
    title: str,
    unit: str,
    label: str,
    data: list[dict],
    layout: dict,
    columns: list[str],
    rows: list[list[Any]],
    narrow: dict[str, Any] | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """What the chart template needs: title, unit, the sentence for readers, plot, table.

    `narrow` holds the {"data": ..., "layout": ...} that a phone's width draws instead.
    """
    return {
        "title": title,
        "unit": unit,
        "label": label,
        "plot": {"data": data, "layout": BASE | layout, "narrow": narrow},
        "columns": columns,
        "rows": rows,
        **extra,
    }


def quality_words(task: str) -> tuple[str, str]:
    """(what the quality counts, with guessing) by task."""
    if task == "binary":
        return (
            "tells the two answers apart {} times out of 100",
            "Each step is a better model; guessing would be right 50 times",
        )
    if task == "multiclass":
        return "is right {} times out of 100", "Each step is a better model"
    return "explains {}% of the differences", "Each step is a better model; always saying the average explains 0%"


def training_curve(prediction: Prediction, run: Run | None) -> dict[str, Any] | None:
    """Best so far against time; None before the first model."""
    points = run.progress.get("curve") if run else None
    if not points:
        return None
    words, unit = quality_words(prediction.task)
    seconds, best = [point[0] for point in points], [100 * point[1] for point in points]
    title = "The best model so far " + words.format(round(best[-1]))
    data = [{"x": seconds, "y": best, "mode": "lines+markers", "line": {**LINE, "shape": "hv"}, "marker": {"size": 6, "color": "--chart-1"},
             "hovertemplate": "%{y:.1f} after %{x:.0f} s<extra></extra>"}]  # fmt: skip
    layout = {"xaxis": x_axis(ticksuffix=" s", rangemode="tozero"), "yaxis": y_axis(ticklabelstandoff=6), "height": 250}
    rows = [[f"{second:.0f} s", f"{value:.1f}"] for second, value in zip(seconds, best, strict=True)][-12:]
    return figure(title, unit, f"{title} after {seconds[-1]:.0f} seconds.", data, layout, ["Time", "Best so far"], rows)


def tried_kinds(prediction: Prediction, run: Run | None) -> list[tuple[str, int, float]]:
    """(kind of model, tried, best of 100) for the table below the curve."""
    kinds = run.progress.get("kinds", {}) if run else {}
    titles = {kind: family.title for kind, family in FAMILIES.items()}
    rows = [
        (titles.get(kind, kind), int(entry["tried"]), round(100 * entry["best"], 1)) for kind, entry in kinds.items()
    ]
    return sorted(rows, key=lambda row: -row[2])


def gains(card: dict[str, Any], nouns: str, yes_words: str) -> dict[str, Any]:
    """Share of the yes records reached when picking the highest scores first."""
    points = card["gains"]
    at_fifth = next(reached for share, reached in points if abs(share - 0.2) < 1e-9)
    title = f"Pick one in five and you reach {at_fifth:.0%} of those with {yes_words}"
    x, y = [100 * share for share, _ in points], [100 * reached for _, reached in points]
    data = [
        {
            "x": [0, 100],
            "y": [0, 100],
            "mode": "lines",
            "line": {"color": "--chart-rest", "width": 1.5, "dash": "dash"},
            "hoverinfo": "skip",
        },
        {
            "x": x,
            "y": y,
            "mode": "lines",
            "line": LINE,
            "hovertemplate": "highest %{x:.0f}%: reaches %{y:.0f}%<extra></extra>",
        },
        {
            "x": [20],
            "y": [100 * at_fifth],
            "mode": "markers",
            "marker": {"size": 9, "color": "--chart-1"},
            "hoverinfo": "skip",
        },
    ]
    note = [{"x": 78, "y": 62, "text": "at random", "showarrow": False, "font": {"size": 12, "color": "--chart-ink"}},
            {"x": 22, "y": 100 * at_fifth - 9, "text": f"pick 20%<br><b>reach {at_fifth:.0%}</b>", "showarrow": False, "xanchor": "left", "align": "left",
             "font": {"size": 12, "color": "--chart-1"}}]  # fmt: skip
    layout = {"xaxis": x_axis(ticksuffix="%", title={"text": f"of {nouns} picked, highest score first"}, range=[0, 101]),
              "yaxis": y_axis(ticksuffix="%", range=[0, 104]), "annotations": note, "height": 290}  # fmt: skip
    rows = [[f"{share:.0%}", f"{reached:.0%}"] for share, reached in points[2::2]]
    return figure(title, "", f"{title}.", data, layout, [f"{nouns.capitalize()} picked", "Reached"], rows)


def calibration(card: dict[str, Any], nouns: str) -> dict[str, Any]:
    """What the score said against what happened, in ten groups of equal size."""
    points = card["calibration"]
    nearest = min(points, key=lambda point: abs(point[0] - 0.6))
    title = f"When it says {nearest[0]:.0%}, {nearest[1]:.0%} turn out yes"
    said, happened = [100 * point[0] for point in points], [100 * point[1] for point in points]
    data = [
        {"x": [0, 100], "y": [0, 100], "mode": "lines", "line": {"color": "--chart-rest", "width": 1.5, "dash": "dash"}, "hoverinfo": "skip"},
        {"x": said, "y": happened, "mode": "markers", "marker": {"size": 8, "color": "--chart-1"},
         "error_y": {"type": "data", "symmetric": False, "array": [100 * (p[4] - p[1]) for p in points], "arrayminus": [100 * (p[1] - p[3]) for p in points],
                     "color": "--chart-1", "thickness": 1.5, "width": 0}, "hovertemplate": "said %{x:.0f}%, happened %{y:.0f}%<extra></extra>"},
    ]  # fmt: skip
    note = [{"x": 86, "y": 78, "text": "perfect", "showarrow": False, "font": {"size": 12, "color": "--chart-ink"}}]
    layout = {"xaxis": x_axis(ticksuffix="%", title={"text": "what the score said"}, range=[0, 101]), "yaxis": y_axis(ticksuffix="%", range=[0, 104]),
              "annotations": note, "height": 280}  # fmt: skip
    rows = [[f"{p[0]:.0%}", f"{p[1]:.0%}", f"{p[2]:,}"] for p in points]
    unit = f"Each dot is about {round(sum(p[2] for p in points) / len(points)):,} test {nouns}; the lines show how sure we are"
    return figure(
        title,
        unit,
        "Scores against what happened, in ten groups.",
        data,
        layout,
        ["Score said", "Happened", nouns.capitalize()],
        rows,
    )


def said_and_true(card: dict[str, Any], outcome: str) -> dict[str, Any]:
    """Predicted against true numbers of test records."""
    pairs = card["pairs"]
    half = card["within"][0][1]
    title = f"Half of the predictions are within {half:,.4g} of the truth"
    low, high = min(min(pair) for pair in pairs), max(max(pair) for pair in pairs)
    data = [
        {"x": [low, high], "y": [low, high], "mode": "lines", "line": {"color": "--chart-rest", "width": 1.5, "dash": "dash"}, "hoverinfo": "skip"},
        {"x": [p[0] for p in pairs], "y": [p[1] for p in pairs], "mode": "markers", "marker": {"size": 5, "color": "--chart-1", "opacity": 0.55},
         "hovertemplate": "said %{x:,.4g}, was %{y:,.4g}<extra></extra>"},
    ]  # fmt: skip
    layout = {"xaxis": x_axis(title={"text": f"{outcome} as predicted"}), "yaxis": y_axis(title={"text": f"{outcome} as it was"}), "height": 320,
              "margin": {"l": 64, "r": 16, "t": 10, "b": 44}}  # fmt: skip
    rows = [[f"{share:.0%} of records", f"{error:,.4g}"] for share, error in card["within"]]
    return figure(
        title,
        "Each dot is a test record; the dashed line is perfect",
        f"{title}.",
        data,
        layout,
        ["For", "The error is at most"],
        rows,
        size="tall",
    )
