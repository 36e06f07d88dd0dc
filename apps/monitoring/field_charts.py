"""Each field's history drawn small, how far fields drifted against how much the model leans on them, and two periods compared."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Any

from apps.monitoring.models import Alert, Look
from apps.predictions.charts import figure, y_axis
from apps.predictions.models import Prediction

FIRST_SHOWN = 12
VALUE, LOW, HIGH, BLANK, OUTSIDE, STRANGE = range(6)
WHAT = {
    "middle": "middle value",
    "share": "share of “{of}”",
    "length": "middle length",
    "filled": "share that is filled",
}
PERCENT = {"share", "filled"}
LABELLED = 3


@dataclass(frozen=True)
class Small:
    """One field's small chart: the points are (value or None, low, high)."""

    field: str
    what: str
    newest: str
    usual: str
    points: list[tuple[float | None, float, float]]
    strange: float
    alarmed: bool
    share: float
    blank: float
    outside: float

    @property
    def words(self) -> str:
        """The chart for those who do not see it."""
        state = "It is out of its usual range now" if self.alarmed else "It is as usual now"
        return f"{self.field}, {self.what} over {len(self.points)} runs. Newest {self.newest}, usual {self.usual}. {state}."


def importance(prediction: Prediction) -> dict[str, float]:
    """How much of the scores' movement each field accounts for, 0 to 1."""
    return {driver["field"]: driver["share"] for driver in prediction.champion.facts["scorecard"]["drivers"]}


def small_multiples(
    prediction: Prediction,
    looks: list[Look],
    legend: dict[str, list[str]],
    alerts: list[Alert],
    most: int | None = None,
) -> list[Small]:
    """The fields of the newest look, at most so many: what alarms first, then by how much the model leans on it."""
    if not looks:
        return []
    shares, newest = importance(prediction), looks[-1].fields
    alarmed = {field for alert in alerts for field in alert.answers.get("fields", [])}
    alarmed |= {alarm["field"] for alarm in looks[-1].alarms if alarm.get("field")}
    order = sorted(newest, key=lambda field: (field not in alarmed, -shares.get(field, 0.0), field))[:most]
    return [
        _small(field, newest[field], looks, legend.get(field, ["middle", ""]), shares.get(field, 0.0), field in alarmed)
        for field in order
    ]


def _small(field: str, row: list, looks: list[Look], legend: list[str], share: float, alarmed: bool) -> Small:
    what, of = legend
    rows = [look.fields.get(field) for look in looks]
    points = [(one[VALUE], one[LOW] or 0.0, one[HIGH] or 0.0) for one in rows if one is not None]
    return Small(
        field, WHAT[what].format(of=of), _shown(row[VALUE], what), f"{_shown(row[LOW], what)} to {_shown(row[HIGH], what)}", points,
        row[STRANGE] or 0.0, alarmed, share, row[BLANK] or 0.0, row[OUTSIDE] or 0.0,
    )  # fmt: skip


def _shown(value: float | None, what: str) -> str:
    if value is None:
        return "none"
    return f"{value:.0%}" if what in PERCENT else f"{value:,.4g}"


def scatter(prediction: Prediction, looks: list[Look]) -> dict[str, Any] | None:
    """Drift by importance: only the upper right needs anybody."""
    if not looks:
        return None
    shares, newest = importance(prediction), looks[-1].fields
    points = sorted(
        ((field, 100 * shares.get(field, 0.0), row[STRANGE] or 0.0) for field, row in newest.items()),
        key=lambda point: -point[2],
    )
    if not points:
        return None
    far = [point for point in points if point[2] >= 1]
    worst = far[0] if far else points[0]
    title = (
        f"{worst[0]} has changed most and moves {worst[1]:.0f}% of the scores"
        if far
        else "No field is beyond what differs from run to run"
    )
    named = {
        point[0] for point in [*far[:LABELLED], max(points, key=lambda point: point[1])]
    }  # more would write over one another
    data = [{
        "type": "scatter", "mode": "markers+text", "x": [point[1] for point in points], "y": [min(point[2], 5.0) for point in points],
        "text": [point[0] if point[0] in named else "" for point in points], "textposition": "top center", "cliponaxis": False,
        "textfont": {"size": 11, "color": "--chart-ink"}, "customdata": [point[0] for point in points],
        "marker": {"size": 9, "color": ["--warn-fill" if point[2] >= 1 else "--chart-1" for point in points]},
        "hovertemplate": "%{customdata}: %{x:.1f}% of the scores, %{y:.2f} of what alarms<extra></extra>",
    }]  # fmt: skip
    layout = {
        "xaxis": {"ticksuffix": "%", "rangemode": "tozero", "title": {"text": "moves the scores", "font": {"size": 12}}, "showgrid": False},
        "yaxis": y_axis(range=[0, max(1.3, *(min(point[2], 5.0) for point in points)) * 1.15]), "height": 260,
        "shapes": [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1, "line": {"color": "--warn-fill", "dash": "dot", "width": 1.5}}],
        "annotations": [{"xref": "paper", "x": 1, "y": 1, "yanchor": "bottom", "xanchor": "right", "showarrow": False, "text": "alarms above", "font": {"size": 12, "color": "--chart-ink"}}],
    }  # fmt: skip
    rows = [[field, f"{share:.1f}%", f"{strange:.2f}"] for field, share, strange in points[:30]]
    unit = "Each field: how much it moves the scores, and how far it is from usual (1 is what alarms)"
    return figure(title, unit, f"{title}.", data, layout, ["Field", "Moves the scores", "Of what alarms"], rows)


def compared(before: list[Look], after: list[Look], legend: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The fields of both periods, those that differ most first; the difference in widths of the usual band."""
    if not before or not after:
        return []
    rows = []
    for field in after[-1].fields:
        what, of = legend.get(field, ["middle", ""])
        then, now = _mean(before, field, VALUE), _mean(after, field, VALUE)
        if then is None or now is None:
            continue
        newest = after[-1].fields[field]
        width = max(((newest[HIGH] or 0.0) - (newest[LOW] or 0.0)) / 2, 1e-12)
        rows.append({
            "field": field, "what": WHAT[what].format(of=of), "before": _shown(then, what), "after": _shown(now, what), "size": abs(now - then) / width,
            "blank": [_mean(before, field, BLANK) or 0.0, _mean(after, field, BLANK) or 0.0],
        })  # fmt: skip
    return sorted(rows, key=lambda row: -row["size"])


def compared_scores(before: list[Look], after: list[Look]) -> list[tuple[str, str, str]]:
    """(what, before, after) of the scores of two periods."""
    figures = [("Records a run", lambda look: float(look.records), "{:,.0f}"), ("In the High band", lambda look: look.scores.get("high"), "{:.1%}"), ("Mean score", lambda look: look.scores.get("mean"), "{:,.4g}")]  # fmt: skip
    if not before or not after:
        return []
    found = []
    for name, read, form in figures:
        then, now = ([value for look in looks if (value := read(look)) is not None] for looks in (before, after))
        if then and now:
            found.append((name, form.format(fmean(then)), form.format(fmean(now))))
    return found


def _mean(looks: list[Look], field: str, place: int) -> float | None:
    values = [row[place] for look in looks if (row := look.fields.get(field)) and row[place] is not None]
    return fmean(values) if values else None
