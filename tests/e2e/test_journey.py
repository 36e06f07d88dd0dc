"""The main job in a real browser: from sign-up to a score on another web page."""

from __future__ import annotations

import http.server
import json
import re
import threading
import urllib.request

from tests.e2e.clicks import Clicker, answer_the_wizard, sign_up
from tests.e2e.conftest import DATA
from tests.e2e.stack import free_port

MOST_CLICKS = 30


def test_a_business_user_gets_from_sign_up_to_an_embedded_score_in_at_most_thirty_clicks(stack, page, record_property):
    click = Clicker(page)
    sign_up(stack, click, "Maria Keller", "Brightline", "maria@brightline.example")

    click.clicks += 1
    page.set_input_files("input[type=file]", DATA / "telco_small.csv")
    page.wait_for_selector("text=Check the fields", timeout=60_000)
    page.locator("article", has_text="SeniorCitizen").locator("select").select_option("category")
    page.wait_for_load_state("networkidle")
    click.clicks += 1
    assert page.locator("article", has_text="SeniorCitizen").locator("select").input_value() == "category"

    answer_the_wizard(click, "Customer churn", known="1,400", open_records="200")
    assert "Churn is Yes" in page.locator(".sentence").inner_text()
    click("text=Build the prediction")
    page.wait_for_selector("text=models tried", timeout=60_000)
    page.wait_for_selector("text=How good is it?", timeout=180_000)
    assert re.search(r"Grade [ABCD]", page.inner_text("main"))
    click("text=Enable this version")
    page.wait_for_selector("text=200 of 1,600", timeout=60_000)
    click("a.cell-link")
    page.wait_for_selector("text=How each field moves this")
    key = page.inner_text("h1").split()[-1]

    click("nav.crumbs a:has-text('Customer churn')")
    click("text=Deliveries")
    click("text=Add a delivery")
    click("a.card:has-text('Widget')")
    host = f"http://127.0.0.1:{free_port()}"
    page.fill("[name=origins]", host)
    click("text=Make the widget")
    page.wait_for_selector("text=Put two lines into your page")
    page.wait_for_selector("einstein-score .score strong")
    widget_id = page.url.rstrip("/").split("/")[-1]
    key_page = "/".join(page.url.split("/")[:5]) + "/settings/keys/"
    page.goto(key_page)
    page.fill("[name=name]", "CRM")
    click("button:has-text('Make the key')")
    api_key = page.inner_text("#plain-key")

    token = mint(stack, widget_id, api_key, key, host)
    shown = shown_elsewhere(page, stack, host, token)
    assert "%" in shown and "Customer churn" in shown
    assert "No score can be shown here" in shown_elsewhere(page, stack, host, token[:-2] + "xx")
    record_property("From sign-up to an embedded score", click.words)
    assert click.clicks <= MOST_CLICKS


def mint(stack, widget_id: str, api_key: str, key: str, origin: str) -> str:
    request = urllib.request.Request(
        f"{stack.base}/api/v1/widgets/{widget_id}/token", json.dumps({"key": key, "origin": origin}).encode(),
        {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"},
    )  # fmt: skip
    return json.load(urllib.request.urlopen(request))["token"]


def shown_elsewhere(page, stack, host: str, token: str) -> str:
    """What the widget shows on a page of another origin."""
    html = f'<script src="{stack.base}/widget/v1/widget.js" defer></script><einstein-score token="{token}"></einstein-score>'

    class Host(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(host.rsplit(":", 1)[1])), Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        page.goto(host)
        return page.locator("einstein-score .w").inner_text()
    finally:
        server.shutdown()
        server.server_close()
