"""Contrast computed from the colour tokens, for every pair of text and ground the style sheets use, light and dark.

Source of the formula and the limits: WCAG 2.2, success criteria 1.4.3 (4.5 for text) and 1.4.11 (3 for controls and graphs).
"""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

SHEETS = ROOT / "static" / "css"
GROUNDS = ["paper", "surface", "surface-2"]
TEXT = [
    *[(ink, ground) for ink in ("ink", "ink-2", "ink-3", "accent", "accent-hover", "good", "warn", "bad") for ground in GROUNDS],
    *[(ink, "surface-3") for ink in ("ink", "ink-2", "ink-3")], ("ink", "button"), ("bad", "button"), ("accent-ink", "accent"),
    ("accent-ink", "accent-hover"), *[(name, f"{name}-soft") for name in ("accent", "good", "warn", "bad")],
    *[(ink, f"{name}-soft") for ink in ("ink", "ink-2") for name in ("accent", "good", "warn", "bad")], ("chart-ink", "surface"),
]  # fmt: skip
CONTROLS = [("line-strong", "surface"), ("accent", "surface"), ("good-fill", "surface"), ("bad-fill", "surface"), ("div-1", "surface"), ("div-7", "surface"),
            *[(f"chart-{number}", "surface") for number in range(1, 5)]]  # fmt: skip
KNOWN_GROUNDS = {
    *GROUNDS,
    "surface-3",
    "button",
    "accent",
    "accent-hover",
    "accent-soft",
    "good-soft",
    "warn-soft",
    "bad-soft",
    "ink",
}
DECORATION = {
    "line",
    "line-strong",
    "accent-line",
    "good-fill",
    "warn-fill",
    "bad-fill",
    "chart-rest",
    "chart-band",
    *(f"seq-{number}" for number in range(1, 7)),
}


def tokens() -> dict[str, tuple[str, str]]:
    """Each colour token's (light, dark) value."""
    text = (SHEETS / "tokens.css").read_text()
    return {
        name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", text)
    }


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_agrees_with_the_standards_own_ends():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_text_has_contrast_enough_on_every_ground_it_stands_on(theme):
    known = tokens()
    weak = {(ink, ground): contrast(known[ink][theme], known[ground][theme]) for ink, ground in TEXT}
    assert {pair: round(value, 2) for pair, value in weak.items() if value < 4.5} == {}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_controls_and_marks_in_charts_stand_out_from_their_ground(theme):
    known = tokens()
    weak = {(mark, ground): contrast(known[mark][theme], known[ground][theme]) for mark, ground in CONTROLS}
    assert {pair: round(value, 2) for pair, value in weak.items() if value < 3} == {}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_bands_can_be_read(theme):
    rules = re.findall(
        r"background: var\(--(seq-\d)\); color: light-dark\((#\w+), (#\w+)\)", (SHEETS / "components.css").read_text()
    )
    assert len(rules) == 3
    for ground, *inks in rules:
        ink = inks[theme] if len(inks[theme]) == 7 else "#" + "".join(2 * digit for digit in inks[theme][1:])
        assert contrast(ink, tokens()[ground][theme]) >= 4.5


def test_no_sheet_uses_a_ground_this_test_does_not_know():
    used = {
        name
        for sheet in SHEETS.glob("*.css")
        for name in re.findall(r"background: var\(--([\w-]+)\)", sheet.read_text())
    }
    assert used - KNOWN_GROUNDS - DECORATION == set()


def test_every_colour_a_chart_names_is_registered_so_that_the_browser_resolves_it():
    registered = set(re.findall(r"@property (--[\w-]+)", (SHEETS / "tokens.css").read_text()))
    named = {
        token for file in (ROOT / "apps").glob("*/charts.py") for token in re.findall(r'"(--[\w-]+)"', file.read_text())
    }
    assert named
    assert named - registered == set()
