"""Template tags that put numbers, times, icons and charts into the product's words and pictures."""

from __future__ import annotations

import calendar
import json
from datetime import datetime
from functools import cache
from typing import Any

import lucide
from django import template
from django.http import HttpRequest
from django.template.context import Context
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from einstein.postgres import moment
from einstein.web.clock_words import duration, local_time

register = template.Library()
GRADE_WORDS = {"A": "very good", "B": "good", "C": "fair", "D": "weak", "E": "no better than guessing"}
register.filter("duration", duration)


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """An inline icon in the text's colour; the words beside it carry the meaning. A list of three hundred draws the same few again and again."""
    drawn = lucide._render_icon(name + "", None, **{"class": "icon", "stroke_width": "1.9", "aria_hidden": "true"})
    # A drawing of the library, under a name that stands in our templates.
    return mark_safe(drawn)  # nosec B308 B703


@register.filter
def number(value: Any) -> str:
    """7043 -> 7,043; 0.12345 -> 0.123."""
    if value is None or value == "":
        return ""
    as_float = float(value)
    return f"{int(as_float):,}" if as_float.is_integer() else f"{as_float:,.4g}"


@register.filter
def percent(value: Any, digits: int = 0) -> str:
    """0.27 -> 27%."""
    return "" if value is None else f"{float(value) * 100:.{digits}f}%"


@register.filter
def score(value: Any, task: str) -> str:
    """A score as people read it: a whole percent, or the number itself."""
    return (
        number(round(float(value), 2) if abs(float(value)) < 1000 else round(float(value)))
        if task == "regression"
        else percent(value)
    )


@register.filter
def points(now: float, before: float | None) -> str:
    """The change in percentage points since the run before."""
    if before is None:
        return "New"
    change = round((now - before) * 100)
    return "same" if change == 0 else f"{'+' if change > 0 else '−'}{abs(change)} points"


@register.filter
def plural(noun: str, count: int = 2) -> str:
    """customer -> customers; in English, which is the product's language."""
    if count == 1:
        return noun
    return (
        noun[:-1] + "ies"
        if noun.endswith("y") and noun[-2:-1] not in "aeiou"
        else noun
        if noun.endswith("s")
        else noun + "s"
    )


@register.filter
def one(noun: str) -> str:
    """ "order" -> "an order", "customer" -> "a customer"; a vowel that is spoken like "you" takes "a"."""
    spoken = noun.lower()
    vowel = spoken[:1] in "aeiou" and not spoken.startswith(("uni", "use", "eu", "one"))
    return f"{'an' if vowel else 'a'} {noun}"


@register.filter
def get(mapping: dict, key: Any) -> Any:
    return mapping.get(key)


@register.simple_tag(takes_context=True)
def when(context: Context, moment: datetime | None) -> str:
    """A time in the workspace's zone: "today, 06:02"."""
    if moment is None:
        return "never"
    request: HttpRequest | None = context.get("request")
    workspace = getattr(request, "workspace", None)
    return local_time(moment, workspace.zone if workspace else timezone.get_current_timezone())


@register.simple_tag(takes_context=True)
def greeting(context: Context) -> str:
    """ "Good morning" by the clock of the workspace."""
    hour = moment.now().astimezone(context["request"].workspace.zone).hour
    return "Good morning" if 4 <= hour < 12 else "Good afternoon" if 12 <= hour < 18 else "Good evening"


@register.simple_tag
def bar(share: float, tone: str = "") -> SafeString:
    """A thin bar, drawn without inline style."""
    width = max(0.0, min(1.0, float(share or 0))) * 100
    return format_html(
        '<svg class="bar" height="6" aria-hidden="true"><rect class="bar-track" width="100%" height="6" rx="3"/>'
        '<rect class="bar-fill {}" width="{}%" height="6" rx="3"/></svg>',
        tone,
        f"{width:.1f}",
    )


@register.simple_tag
def dots(filled: int, tone: str = "f-1", total: int = 100) -> SafeString:
    """A field of dots, ten a row: people, not statistics."""
    circles = format_html_join(
        "",
        '<circle class="{}" cx="{}" cy="{}" r="9.5"/>',
        (
            (tone if place < filled else "f-rest", 13 + 25 * (place % 10), 13 + 25 * (place // 10))
            for place in range(total)
        ),
    )
    return format_html(
        '<svg class="plot" viewBox="0 0 250 {}" role="img" aria-label="{} of {} dots filled">{}</svg>',
        25 * ((total + 9) // 10), filled, total, circles,
    )  # fmt: skip


@register.simple_tag
def histogram(counts: list[int], label: str) -> SafeString:
    """A field's small distribution."""
    top, step = max(counts, default=1) or 1, 240 / max(1, len(counts))
    bars = format_html_join(
        "",
        '<rect class="f-1" x="{}" y="{}" width="{}" height="{}" rx="2"/>',
        (
            (
                f"{i * step + 1:.1f}",
                f"{56 - 54 * count / top:.1f}",
                f"{step - 2:.1f}",
                f"{max(1.0, 54 * count / top):.1f}",
            )
            for i, count in enumerate(counts)
        ),
    )
    return format_html(
        '<svg class="plot mini" viewBox="0 0 240 56" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        label,
        bars,
    )


@register.simple_tag
def spark(values: list[float]) -> SafeString:
    """A line without axes beside the number it leads to."""
    width, height = 120, 32
    low, high = min(values), max(values)
    reach = (high - low) or 1.0
    step = (width - 12) / max(1, len(values) - 1)
    points = [
        (3 + place * step, height - 5 - (height - 10) * (value - low) / reach) for place, value in enumerate(values)
    ]
    if len(points) == 1:
        points = [(3, points[0][1]), (width - 9, points[0][1])]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return format_html(
        '<svg class="plot" viewBox="0 0 {} {}" width="{}" height="{}" aria-hidden="true"><path class="line s-1" d="{}"/>'
        '<circle class="f-1" cx="{}" cy="{}" r="3"/></svg>',
        width, height, width, height, path, f"{points[-1][0]:.1f}", f"{points[-1][1]:.1f}",
    )  # fmt: skip


@register.simple_tag
def banded(points: list[tuple[float | None, float, float]], alarmed: bool = False, words: str = "") -> SafeString:
    """A small chart of (value or None, low, high): the line, the band in which it was usual, and the newest run as a dot."""
    width, height, edge = 200, 44, 5
    there = [value for value, _, _ in points if value is not None]
    edges = [edge for _, low, high in points for edge in (low, high)]
    if not there:
        return format_html(
            '<svg class="plot mini" viewBox="0 0 {} {}" role="img" aria-label="{}"></svg>', width, height, words
        )
    low, high = min([*there, *edges]), max([*there, *edges])
    reach, step = (high - low) or 1.0, (width - 10) / max(1, len(points) - 1)

    def x(place: int) -> str:
        return f"{3 + place * step:.0f}"

    def y(value: float) -> str:
        return f"{height - edge - (height - 2 * edge) * (value - low) / reach:.1f}"

    above = "L".join(f"{x(place)} {y(top)}" for place, (_, _, top) in enumerate(points))
    below = "L".join(f"{x(place)} {y(bottom)}" for place, (_, bottom, _) in reversed(list(enumerate(points))))
    line = "L".join(f"{x(place)} {y(value)}" for place, (value, _, _) in enumerate(points) if value is not None)
    last = max(place for place, (value, _, _) in enumerate(points) if value is not None)
    return format_html(
        '<svg class="plot mini" viewBox="0 0 {} {}" role="img" aria-label="{}"><path class="f-band" d="M{}L{}Z"/>'
        '<path class="line s-1" d="M{}"/><circle class="{}" cx="{}" cy="{}" r="3.5"/></svg>',
        width, height, words, above, below, line, "f-warn" if alarmed else "f-1", x(last), y(there[-1]),
    )  # fmt: skip


@register.inclusion_tag("_chart.html")
def chart(figure: dict[str, Any], level: str = "b") -> dict[str, Any]:
    """A chart from `charts.py`: finding as title, drawing, one-sentence label, table behind it."""
    return {**figure, "plot": json.dumps(figure["plot"])}


@register.filter
def share_of(profile: dict[str, Any], count: int) -> str:
    """How many of the filled values, in whole percent."""
    return percent(count / max(1, profile.get("filled", 1)))


@register.simple_tag
def bar_of(profile: dict[str, Any], count: int) -> SafeString:
    return bar(count / max(1, profile.get("filled", 1)))


@register.filter
def grade_words(grade: str | None) -> str:
    """ "Very good" for A."""
    return {"A": "Very good", "B": "Good", "C": "Fair", "D": "Weak", "E": "No better than guessing"}.get(
        grade or "", ""
    )


@register.filter
def fact(value: Any) -> str:
    """A number with thousands marks, or a date as it is."""
    return value if isinstance(value, str) else number(value)


@register.filter
def stage_time(stage: dict[str, Any]) -> str:
    """How long an ended stage took."""
    seconds = stage["ended"] - stage["started"]
    return duration(seconds) if seconds >= 1 else "under 1 s"


@register.filter
def schedule_words(schedule: str, hour: int) -> str:
    """ "Every day at 06:00"."""
    words = {"daily": f"Every day at {hour:02d}:00", "weekly": f"Every week at {hour:02d}:00", "hourly": "Every hour"}
    return words.get(schedule, "Only when you ask")


@register.simple_tag
def relative_bar(share: float, largest: float) -> SafeString:
    """A bar against the largest of its kind."""
    return bar(share / largest if largest else 0)


@register.filter
def at(items: list, place: int) -> Any:
    return items[place]


@register.filter
def weekday_name(number: int) -> str:
    """0 -> Monday."""
    return calendar.day_name[number]


@register.filter
def event_words(event: str) -> str:
    """What set a sending off."""
    known = {"run.finished": "A scoring has finished", "alert.opened": "An alert was opened", "undo": "Undo"}
    return known.get(event, "Scores")


@register.filter
def growth(a_day: float) -> str:
    """Bytes a day: "12.0 MB more a day", "3.0 GB less a day"."""
    return f"{filesizeformat(abs(a_day))} {'less' if a_day < 0 else 'more'} a day"
