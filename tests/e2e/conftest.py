"""One running product and one browser for all end-to-end tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.conftest import WORKER
from tests.e2e.artist import PICTURES, Artist
from tests.e2e.stack import Stack

DATA = Path(__file__).resolve().parent.parent / "data"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def stack():
    running = Stack(f"e2e-{WORKER}")
    shutil.rmtree(running.var, ignore_errors=True)
    running.start()
    running.empty()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def chromium():
    # Playwright's loop must not make Django believe it runs inside async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, timezone_id="Europe/Berlin")
    context.set_default_timeout(20_000)
    opened = context.new_page()
    yield opened
    context.close()


@pytest.fixture
def artist(stack, chromium):
    """Opens pages at a width, logged in when asked."""
    opened = []

    def begin(width: int, logged_in: bool = True) -> Artist:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, reduced_motion="reduce", bypass_csp=True
        )
        opened.append(context)
        page = context.new_page()
        if logged_in:
            page.goto(f"{stack.base}/accounts/login/")
            page.fill("[name=login]", "screens@brightline.example")
            page.fill("[name=password]", "a long enough password")
            page.click("button.primary")
            page.wait_for_url("**/w/**")
        return Artist(page, stack.base, width)

    PICTURES.mkdir(exist_ok=True)
    yield begin
    for context in opened:
        context.close()
