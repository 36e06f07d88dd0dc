"""The one chart of an alert's e-mail: what was usual, and the run that left it, as a small PNG with its words."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import fontpkg_figtree
from PIL import Image, ImageDraw, ImageFont

from apps.monitoring.models import Alert, Look, Memory

WIDTH, HEIGHT, SCALE = 520, 132, 2
EDGE, POINTS = 14, 40
PAPER, BAND, LINE, WARN, INK = "#faf8f5", "#dcebe9", "#0b6170", "#b3471d", "#514c46"
FONT = str(Path(fontpkg_figtree.__file__).parent / "files" / "Figtree[wght].ttf")
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
    said = (
        _shown(there[-1], percent),
        f"usual: {_shown(limits[0], percent)} to {_shown(limits[1], percent)}" if len(limits) == 2 else "",
    )
    _draw(ImageDraw.Draw(image), values, limits, (low - room, high + room), said)
    file = io.BytesIO()
    image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).quantize(64).save(file, "PNG", optimize=True)
    usual = f" Usual: {_shown(limits[0], percent)} to {_shown(limits[1], percent)}." if len(limits) == 2 else ""
    return Picture(file.getvalue(), f"{what[0].upper()}{what[1:]}. Newest: {_shown(there[-1], percent)}.{usual}")


def _draw(
    pen: ImageDraw.ImageDraw,
    values: list[float | None],
    limits: list[float],
    span: tuple[float, float],
    said: tuple[str, str],
) -> None:
    width, height, edge = WIDTH * SCALE, HEIGHT * SCALE, EDGE * SCALE
    low, high = span

    def x(place: int) -> float:
        return edge + place * (width - 2 * edge) / max(1, len(values) - 1)

    def y(value: float) -> float:
        return height - edge - (value - low) / (high - low) * (height - 2 * edge)

    if len(limits) == 2:
        pen.rectangle([edge / 2, y(limits[1]), width - edge / 2, y(limits[0])], fill=BAND)
    points = [(x(place), y(value)) for place, value in enumerate(values) if value is not None]
    pen.line(points, fill=LINE, width=3 * SCALE, joint="curve")
    newest, usual = said
    font = ImageFont.truetype(FONT, 13 * SCALE)
    if usual:
        _write(
            pen, edge, y(limits[1]) - 18 * SCALE if y(limits[1]) > height / 2 else y(limits[0]) + 3 * SCALE, usual, font
        )
    _write(pen, points[-1][0] - 14 * SCALE - pen.textlength(newest, font), points[-1][1] - 8 * SCALE, newest, font)
    for centre, radius, colour in [(points[0], 3, LINE), (points[-1], 6, WARN)]:
        reach = radius * SCALE
        pen.ellipse([centre[0] - reach, centre[1] - reach, centre[0] + reach, centre[1] + reach], fill=colour)


def _write(pen: ImageDraw.ImageDraw, left: float, top: float, text: str, font: ImageFont.FreeTypeFont) -> None:
    """Words on their own paper, so that no line runs through them."""
    top = min(max(top, 0.0), HEIGHT * SCALE - 18.0 * SCALE)
    box = pen.textbbox((left, top), text, font)
    pen.rectangle([box[0] - SCALE, box[1] - SCALE, box[2] + SCALE, box[3] + SCALE], fill=PAPER)
    pen.text((left, top), text, fill=INK, font=font)


def _shown(value: float, percent: bool) -> str:
    return f"{value:.0%}" if percent else f"{value:,.4g}"
