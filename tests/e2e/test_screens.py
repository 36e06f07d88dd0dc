"""Every screen as a picture, wide and narrow, light and dark, and without accessibility violations (axe-core)."""

from __future__ import annotations

from pathlib import Path

import axe_core_python
import pytest

from tests.e2e.conftest import DATA
from tests.e2e.stack import make_prediction, start_training, wait_for

PICTURES = Path(__file__).resolve().parents[2] / "screenshots"
AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text()
SCREENS = {
    "home": "", "datasets": "datasets/", "dataset": "datasets/{d}/", "rows": "datasets/{d}/rows/", "snapshots": "datasets/{d}/snapshots/",
    "predictions": "predictions/", "scores": "predictions/{p}/scores/", "scorecard": "predictions/{p}/versions/1/",
    "monitoring": "predictions/{p}/monitoring/", "widgets": "predictions/{p}/widgets/", "prediction-settings": "predictions/{p}/settings/",
    "wizard-question": "predictions/{p}/wizard/question/", "wizard-data": "predictions/{p}/wizard/data/",
    "wizard-outcome": "predictions/{p}/wizard/outcome/", "wizard-records": "predictions/{p}/wizard/records/",
    "wizard-fields": "predictions/{p}/wizard/fields/", "wizard-schedule": "predictions/{p}/wizard/schedule/",
    "wizard-review": "predictions/{p}/wizard/review/", "alerts": "alerts/", "people": "settings/", "keys": "settings/keys/",
    "activity": "settings/audit/", "workspace": "settings/workspace/",
}  # fmt: skip
OUTSIDE = {"login": "/accounts/login/", "signup": "/accounts/signup/", "api": "/api/docs/"}
STATES = [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]


@pytest.fixture(scope="module")
def screens(stack):
    workspace, slug, dataset, prediction = make_prediction(stack, "screens", DATA / "telco_small.csv")
    start_training(stack, workspace, prediction)
    wait_for(
        lambda: stack.sql("SELECT 1 FROM scoring_score WHERE prediction_id = %s", prediction), 120, "the first scores"
    )
    inside = {name: f"/w/{slug}/" + path.format(d=dataset, p=prediction) for name, path in SCREENS.items()}
    key = stack.sql("SELECT key FROM scoring_score WHERE prediction_id = %s ORDER BY value DESC LIMIT 1", prediction)[
        0
    ][0]
    return inside | {"record": f"/w/{slug}/predictions/{prediction}/records/{key}/", "profile": "/profile/"}


@pytest.mark.parametrize(("width", "scheme"), STATES)
def test_every_screen_is_drawn_without_an_accessibility_violation(stack, chromium, screens, width, scheme):
    PICTURES.mkdir(exist_ok=True)
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    found = {name: violations(page, stack.base + path, f"{name}-{width}-{scheme}") for name, path in OUTSIDE.items()}
    page.goto(f"{stack.base}/accounts/login/")
    page.fill("[name=login]", "screens@brightline.example")
    page.fill("[name=password]", "a long enough password")
    page.click("button.primary")
    page.wait_for_url("**/w/**")
    found |= {name: violations(page, stack.base + path, f"{name}-{width}-{scheme}") for name, path in screens.items()}
    context.close()
    assert {name: faults for name, faults in found.items() if faults} == {}


def violations(page, url: str, name: str) -> list[str]:
    assert page.goto(url).status == 200, url
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (
        f"{name} scrolls sideways"
    )
    page.evaluate(AXE)
    result = page.evaluate("axe.run()")
    return [f"{fault['id']}: {fault['nodes'][0]['html'][:120]}" for fault in result["violations"]]
