"""What a person does in the browser, counted."""

from __future__ import annotations

import time

from tests.e2e.stack import Stack


class Clicker:
    """Counts what a person would click, and the seconds since she began."""

    def __init__(self, page) -> None:
        self.page, self.clicks, self.began = page, 0, time.monotonic()

    def __call__(self, selector: str) -> None:
        self.clicks += 1
        self.page.locator(selector).first.click()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def words(self) -> str:
        return f"{self.clicks} clicks, {self.seconds:.0f} s"


def sign_up(stack: Stack, click: Clicker, name: str, company: str, email: str) -> None:
    page = click.page
    page.goto(f"{stack.base}/accounts/signup/")
    for field, value in {"name": name, "company": company, "email": email, "password1": "a calm long sentence"}.items():
        page.fill(f"[name={field}]", value)
    click("text=Create workspace")
    page.wait_for_selector("text=Drop your spreadsheet here")


def answer_the_wizard(click: Clicker, name: str, known: str, open_records: str) -> None:
    """From a dataset's page to the last question: the outcome is Churn, everything else as proposed."""
    page = click.page
    click("text=Use in a prediction")
    page.fill("[name=name]", name)
    click("text=Continue")
    page.wait_for_selector("text=Where are the records?")
    click("text=Continue")
    click("label:has-text('Churn')")
    page.wait_for_selector(f"text={known} records have a known outcome")
    click("text=Continue")
    page.wait_for_selector(f"text=Score {open_records}")
    click("text=Continue")
    page.wait_for_selector("text=What may it learn from?")
    assert not page.locator("input[name=use][value=customerID]").is_checked()
    click("text=Continue")
    click("text=Continue")
    page.wait_for_selector("text=Ready to build")
