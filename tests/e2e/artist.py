"""Draws pages of the product as pictures, light and dark, and has axe-core judge them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import axe_core_python

PICTURES = Path(__file__).resolve().parents[2] / "screenshots"
AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text()
DRAWN = "document.fonts.status == 'loaded' && [...document.querySelectorAll('[data-figure]')].every(chart => chart.querySelector('.main-svg'))"
WIDTHS, SCHEMES = (1280, 360), ("light", "dark")
# The themes differ in colours and in nothing else that a rule could look at.
RULES = {"light": "", "dark": "runOnly: ['color-contrast'], "}


class Artist:
    """Draws pages, light and dark, and gathers what axe-core finds on them."""

    def __init__(self, page, base: str, width: int) -> None:
        self.page, self.base, self.width = page, base, width
        # Colours are the same at every width, so the dark ones are judged at one.
        self.schemes = SCHEMES if width == WIDTHS[0] or "EINSTEIN_PICTURES" in os.environ else SCHEMES[:1]
        self.faults: dict[str, list[str]] = {}

    def draw(self, name: str, path: str) -> None:
        self._in_every_scheme(name, lambda: self.page.goto(self.base + path))

    def show(self, name: str, html: str) -> None:
        self._in_every_scheme(name, lambda: self.page.set_content(html))

    def reach(self, name: str, step: Callable[[], object]) -> None:
        """A page that only a click or a form leads to."""

        def step_there() -> None:
            with self.page.expect_navigation():
                step()

        self._in_every_scheme(name, step_there)

    def _in_every_scheme(self, name: str, open_it: Callable[[], object]) -> None:
        """The second scheme is turned to on the open page, as when the evening comes."""
        for scheme in self.schemes:
            self.page.emulate_media(color_scheme=scheme)
            if scheme == self.schemes[0]:
                open_it()
                self.page.add_style_tag(content="* { transition: none !important }")  # colours between two are none
            self.page.wait_for_function(DRAWN)
            self.judge(f"{name}-{self.width}-{scheme}", scheme)

    def judge(self, name: str, scheme: str) -> None:
        if "EINSTEIN_PICTURES" in os.environ:
            self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
        faults = self.faults.setdefault(name, [])
        if self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            faults.append("scrolls sideways")
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE)
        found = self.page.evaluate(f"axe.run({{{RULES[scheme]}resultTypes: ['violations']}})")["violations"]
        faults += [f"{fault['id']}: {fault['nodes'][0]['html'][:120]}" for fault in found]

    def found(self) -> dict[str, list[str]]:
        return {name: faults for name, faults in self.faults.items() if faults}
