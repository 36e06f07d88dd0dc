"""The one chart of an alert's e-mail: what was usual, and the run that left it, as a small PNG with its words."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageDraw

from apps.monitoring.models import Alert, Look, Memory

WIDTH, HEIGHT, SCALE = 520, 132, 2
EDGE, POINTS = 14, 40
PAPER, BAND, LINE, WARN = "#faf8f5", "#dcebe9", "#0b6170", "#b3471d"
KINDS = {"middle": "middle value of {field}, each run", "share": "share of “{of}” in {field}, each run", "length": "middle length of {field}, each run",
         "filled": "share of records with a {field}, each run"}  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A PNG, and the same in words for those who do not see it."""

    png: bytes
    words: str


def picture_of(alert: Alert) -> Picture | None:
    """The field an alert names first, or the share in the High band; None with fewer than three runs."""
    looks = list(Look.objects.filter(prediction=alert.prediction).order_by("-at", "-id")[:POINTS])[::-1]
    if len(looks) < 3:
        return None
    memory = Memory.objects.filter(prediction=alert.prediction).first()
    named = [field for field in alert.answers.get("fields", []) if field in looks[-1].fields]
    if named and memory is not None:
        field = named[0]
        rows = [look.fields.get(field) or [None] * 6 for look in looks]
        what, of = memory.legend.get(field, ["middle", ""])
        values, band = [row[0] for row in rows], (rows[-1][1], rows[-1][2])
        words = KINDS[what].format(field=field, of=of)
        return _drawn(values, band, words, percent=what in {"share", "filled"})
    if alert.check_kind != "scores_normal":
        return None
    values = [look.scores.get("high") for look in looks]
    return _drawn(values, None, "share in the High band, each run", percent=True)


def _drawn(
    values: list[float | None], band: tuple[float | None, float | None] | None, what: str, percent: bool
) -> Picture | None:
    there = [value for value in values if value is not None]
    if len(there) < 2:
        return None
    limits = [edge for edge in band or () if edge is not None]
    low, high = min([*there, *limits]), max([*there, *limits])
    room = 0.12 * (high - low) or 0.5 * (abs(high) or 1.0)
    image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), PAPER)
    _draw(ImageDraw.Draw(image), values, limits, low - room, high + room)
    file = io.BytesIO()
    image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).quantize(64).save(file, "PNG", optimize=True)
    usual = f" Usual: {_shown(limits[0], percent)} to {_shown(limits[1], percent)}." if len(limits) == 2 else ""
    return Picture(file.getvalue(), f"{what[0].upper()}{what[1:]}. Newest: {_shown(there[-1], percent)}.{usual}")


def _draw(pen: ImageDraw.ImageDraw, values: list[float | None], limits: list[float], low: float, high: float) -> None:
    width, height, edge = WIDTH * SCALE, HEIGHT * SCALE, EDGE * SCALE

    def x(place: int) -> float:
        return edge + place * (width - 2 * edge) / max(1, len(values) - 1)

    def y(value: float) -> float:
        return height - edge - (value - low) / (high - low) * (height - 2 * edge)

    if len(limits) == 2:
        pen.rectangle([edge / 2, y(limits[1]), width - edge / 2, y(limits[0])], fill=BAND)
    points = [(x(place), y(value)) for place, value in enumerate(values) if value is not None]
    pen.line(points, fill=LINE, width=3 * SCALE, joint="curve")
    for centre, radius, colour in [(points[0], 3, LINE), (points[-1], 6, WARN)]:
        reach = radius * SCALE
        pen.ellipse([centre[0] - reach, centre[1] - reach, centre[0] + reach, centre[1] + reach], fill=colour)


def _shown(value: float, percent: bool) -> str:
    return f"{value:.0%}" if percent else f"{value:,.4g}"
