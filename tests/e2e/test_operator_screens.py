"""The operators' screens, and what customers see of operators: as pictures, wide and narrow, light and dark, and judged by axe-core."""

from __future__ import annotations

import pytest

from tests.e2e.artist import WIDTHS, Artist
from tests.e2e.stack import run_python

CAST = """
import random
from datetime import timedelta
from allauth.account.models import EmailAddress
from django.utils import timezone
from apps.console.log import note
from apps.console.pause import pause
from apps.datasets.models import Dataset
from apps.monitoring.models import OperatorIncident
from apps.predictions.models import ModelVersion, Prediction
from apps.runs.drain import drain
from apps.runs.models import Run
from apps.workspaces import support
from apps.workspaces.models import User
from apps.workspaces.people import create_workspace
from apps.workspaces.scope import workspace_scope

def person(email, staff=False):
    user = User.objects.create_user(email, "a long enough password", name=email.split("@")[0].title(), is_staff=staff)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user

random.seed(5)
ops, anna, ben = person("screens@brightline.example", True), person("anna@northwind.example"), person("ben@tailspin.example")
home, busy, held = create_workspace("Operators", ops), create_workspace("Northwind Traders", anna), create_workspace("Tailspin Toys", ben)
ERRORS = [("score", "Something went wrong on our side. Try again; if it stays, give your operator the reference 4be1c02d.")] * 5 + [
    ("refresh", "db.northwind.example refuses the password of einstein.")] * 3 + [("train", "The training broke off three times, probably because memory ran out.")] + [
    ("export", "Zonk.")]
now = timezone.now()
for workspace in (busy, held):
    with workspace_scope(workspace.id):
        prediction = Prediction.objects.create(name="Churn", dataset=Dataset.objects.create(name="Customers"), state="active")
        for number, state in enumerate(("champion", "retired", "failed"), 1):
            ModelVersion.objects.create(prediction=prediction, number=number, state=state)
        for number, (kind, error) in enumerate(ERRORS):
            Run.objects.create(kind=kind, subject_id=prediction.id + number, state="failed", error=error, ended_at=now - timedelta(minutes=7 * number), host="worker-2")
        for number in range(300):
            Run.objects.create(kind="deliver", subject_id=number, state="succeeded", ended_at=now - timedelta(minutes=60 * random.random() ** 2))
        Run.objects.create(kind="score", subject_id=prediction.id, due_at=now - timedelta(minutes=18), queue="nobody")
with workspace_scope(busy.id):
    support.grant(anna, "day", "viewer")
pause(ops, held.id, "Its source sends the same two million records every minute. Write to ops@einstein.example.")
drain("host", "worker-2")
note(None, "drained", "host worker-2")
with workspace_scope(held.id):
    support.grant(ben, "week", "builder")
    support.revoke(ben)
print(home.slug, busy.id, busy.slug, held.id, held.slug)
"""


@pytest.fixture(scope="module")
def cast(stack):
    home, busy, busy_slug, held, held_slug = run_python(stack, CAST).split()
    yield {"home": home, "busy": busy, "busy_slug": busy_slug, "held": held, "held_slug": held_slug}
    stack.sql("DELETE FROM runs_drain")
    stack.empty()


def log_in(page, base: str, email: str) -> None:
    page.goto(f"{base}/accounts/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", "a long enough password")
    page.click("button.primary")
    page.wait_for_url("**/w/**")


@pytest.mark.parametrize("width", WIDTHS)
def test_operators_screens_are_drawn_without_an_accessibility_violation(stack, cast, artist, chromium, width):
    drawn: Artist = artist(width)
    console = {"now": "", "failures": "failures/", "workspaces": "workspaces/", "workspace": f"workspaces/{cast['busy']}/", "paused": f"workspaces/{cast['held']}/",
               "drains": "drains/", "log": "log/", "nothing-found": "workspaces/?q=zonk"}  # fmt: skip
    for name, path in console.items():
        drawn.draw(f"operators-{name}", f"/console/{path}")
    drawn.page.goto(f"{stack.base}/console/workspaces/{cast['busy']}/")
    drawn.page.click("text=Look in as support")
    drawn.page.wait_for_url("**/w/**")
    drawn.draw("as-support", f"/w/{cast['busy_slug']}/datasets/")
    drawn.page.click("text=Leave")
    drawn.page.wait_for_url("**/console/workspaces/**")
    assert drawn.found() == {}


@pytest.mark.parametrize(
    ("email", "slug", "name"),
    [("anna@northwind.example", "busy_slug", "let-in"), ("ben@tailspin.example", "held_slug", "paused-shut")],
)
def test_customers_see_who_was_let_in_and_why_their_workspace_is_paused(stack, cast, chromium, email, slug, name):
    for width in WIDTHS:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, reduced_motion="reduce", bypass_csp=True
        )
        page = context.new_page()
        log_in(page, stack.base, email)
        drawn = Artist(page, stack.base, width)
        drawn.draw(f"support-{name}", f"/w/{cast[slug]}/settings/support/")
        context.close()
        assert drawn.found() == {}
