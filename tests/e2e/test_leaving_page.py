"""A page that follows work loads itself again at the end; whoever is on the way elsewhere by then still gets there."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from tests.e2e.clicks import Clicker, sign_up
from tests.e2e.stack import wait_for


class Work:
    """Stands for work that a page of the app asks after ten times a second, and that ends when the test says so."""

    def __init__(self, page) -> None:
        self.page, self.has_ended, self.told = page, False, 0
        page.route("**/how-far/", lambda route: self.tell(route))
        page.evaluate(
            """() => {
              const work = document.createElement("div");
              work.innerHTML = '<div data-hx-get="/how-far/" data-hx-trigger="every 100ms"></div>';
              document.querySelector("main").append(work);
              htmx.process(work);
            }"""
        )

    def tell(self, route) -> None:
        self.told += self.has_ended
        route.fulfill(status=200, headers={"HX-Refresh": "true"} if self.has_ended else {}, body="")

    def end(self) -> None:
        self.has_ended = True
        until(self.page, lambda: self.told >= 6, "the page to be told six times that its work has ended")


@pytest.fixture
def work(stack, page):
    sign_up(stack, Clicker(page), "Lea", "Leaving", f"{secrets.token_hex(4)}@leaving.example")
    return Work(page)


def test_a_click_that_the_server_has_not_answered_yet_is_not_undone_by_the_end_of_the_work(work):
    page = work.page
    held = hold(page, "**/datasets/")
    page.locator("a[href$='/datasets/']").first.click(no_wait_after=True)
    until(page, lambda: held, "the click to reach the server")
    work.end()
    for route in held:
        route.continue_()
    page.wait_for_url("**/datasets/", timeout=10_000)


def test_a_page_that_loads_slowly_is_asked_for_once_when_its_work_has_ended(work):
    held = hold(work.page, work.page.url)
    work.end()
    assert len(held) == 1
    held[0].continue_()
    until(work.page, lambda: work.page.locator("[data-hx-get='/how-far/']").count() == 0, "the page to come anew")


def hold(page, pattern: str) -> list:
    """The requests for such a page, which wait until the test lets them through."""
    held: list = []
    page.route(pattern, lambda route: held.append(route))
    return held


def until(page, ready: Callable[[], object], what: str) -> None:
    def ready_soon() -> object:
        page.wait_for_timeout(100)  # lets the browser's requests through to this process
        return ready()

    wait_for(ready_soon, 10, what)
