"""The widget on a page of another origin under a strict Content-Security-Policy: the right card, or an empty one and not a byte of another record."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import DATA
from tests.e2e.stack import make_prediction, run_python, start_training, wait_for
from tests.servers import Web, send_bytes

TOKENS = """
import json
from apps.deliveries import tokens
from apps.deliveries.models import Widget
from apps.scoring.models import Score
from apps.workspaces.models import Workspace
from apps.workspaces.people import create_workspace
from apps.workspaces.models import User
from apps.workspaces.scope import workspace_scope
host = "{host}"
with workspace_scope({workspace}):
    scores = list(Score.objects.filter(prediction_id={prediction}).order_by("-value")[:2])
    mine, other = scores
    widget, _ = Widget.objects.get_or_create(prediction_id={prediction}, name="Churn risk", defaults={{"origins": [host]}})
    turned, _ = Widget.objects.get_or_create(prediction_id={prediction}, name="Turned", defaults={{"origins": [host]}})
    good = tokens.mint_token(widget, mine.key, host)
    old = tokens.mint_token(turned, mine.key, host)
    Widget.objects.filter(id=turned.id).update(turn=turned.turn + 1)
    kind, body, signature = tokens.mint_token(widget, other.key, host).split(".")
    print(json.dumps({{
        "good": good, "address": tokens.record_address(widget, mine.key), "list": tokens.mint_list_token(widget, 3, host), "frame": tokens.frame_key(widget),
        "expired": tokens.mint_token(widget, mine.key, host, seconds=-61), "just over": tokens.mint_token(widget, mine.key, host, seconds=-1),
        "clock 50 s ahead": tokens.mint_token(widget, mine.key, host, seconds=350), "clock 5 min ahead": tokens.mint_token(widget, mine.key, host, seconds=600),
        "clock 5 min behind": tokens.mint_token(widget, mine.key, host, seconds=-300), "forged": kind + "." + body + "." + good.split(".")[2],
        "other record": tokens.mint_token(widget, other.key, host)[:-6] + "AAAAAA", "other origin": tokens.mint_token(widget, mine.key, "https://elsewhere.example"),
        "turned key": old, "other workspace": good.replace(good.split(".")[1], tokens._pack(json.dumps({{"w": {workspace} + 1, "d": widget.id, "k": other.key, "o": host, "e": 9999999999}}).encode())),
        "nothing": "", "mine": mine.key, "other": other.key, "score": f"{{mine.value:.0%}}", "widget": widget.id,
    }}))
"""
CARD = "einstein-score .w"
ALLOWED = ["good", "address", "just over", "clock 50 s ahead"]
REFUSED = {"expired": 401, "clock 5 min ahead": 401, "clock 5 min behind": 401, "forged": 401, "other record": 401, "other origin": 403, "turned key": 401,
           "other workspace": 401, "nothing": 401}  # fmt: skip


class HostPage:
    """A customer's CRM page on another origin: its own server renews the token, its policy allows our script and nothing inline."""

    def __init__(self, base: str) -> None:
        self.base, self.body, self.renewed, self.frames = base, "", "", False
        self.web = Web(self._answer)

    def _answer(self, handler) -> None:
        if handler.path == "/renew":
            send_bytes(handler, json.dumps({"token": self.renewed}).encode(), Content_Type="application/json")
            return
        frames = f"; frame-src {self.base}" if self.frames else ""
        policy = f"default-src 'none'; script-src {self.base}; connect-src 'self' {self.base}; style-src 'none'{frames}"
        page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>CRM</title><script src="{self.base}/widget/v1/widget.js" defer></script><body>{self.body}'
        send_bytes(handler, page.encode(), Content_Type="text/html", Content_Security_Policy=policy)


@pytest.fixture(scope="module")
def host(stack):
    page = HostPage(stack.base)
    yield page
    page.web.stop()


@pytest.fixture(scope="module")
def given(stack, host):
    workspace, _, _, prediction = make_prediction(stack, "widgets", DATA / "telco_small.csv", schedule="none")
    start_training(stack, workspace, prediction)
    wait_for(lambda: stack.sql("SELECT 1 FROM scoring_score WHERE prediction_id = %s", prediction), 120, "the scores")
    return json.loads(
        run_python(stack, TOKENS.format(host=host.web.base, workspace=workspace, prediction=prediction)).splitlines()[
            -1
        ]
    )


@pytest.fixture
def shown(page, host):
    """Opens the host page with a widget; gives its words, and every answer our server gave."""
    faults = []
    page.on(
        "console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None
    )

    def open_with(token: str, attributes: str = "") -> str:
        host.body = f'<einstein-score token="{token}" {attributes}></einstein-score>'
        page.goto(host.web.base)
        page.locator(CARD).wait_for()
        assert faults == []
        return page.locator(CARD).text_content()

    return open_with


@pytest.mark.parametrize("kind", ALLOWED)
def test_a_right_token_shows_its_record(shown, given, kind):
    words = shown(given[kind])
    assert given["score"] in words
    assert "Churn risk" in words
    assert "raises the score" in words


@pytest.mark.parametrize("kind", REFUSED)
def test_a_wrong_token_shows_an_empty_card_and_not_a_byte_of_any_record(page, shown, given, kind):
    answers = []

    def listen(route) -> None:
        answer = route.fetch()
        answers.append((answer.status, answer.text()))
        route.fulfill(response=answer)

    page.route("**/widget/v1/score*", listen)
    words = shown(given[kind])
    assert words == "No score can be shown here."
    ((status, body),) = answers
    assert status == REFUSED[kind]
    assert json.loads(body) == {"title": "No score", "status": status}
    assert given["mine"] not in body + words
    assert given["other"] not in body + words


def test_when_our_server_is_away_the_card_is_empty(page, shown, given, host):
    shown(given["good"])
    page.route("**/widget/v1/score*", lambda route: route.abort())
    page.evaluate("document.querySelector('einstein-score').setAttribute('token', 'anything')")
    expect(page.locator(CARD)).to_have_text("No score can be shown here.")


def test_badge_list_and_what_if(page, shown, given):
    assert shown(given["good"], 'form="badge"').startswith("Churn risk")
    assert given["mine"] in shown(given["list"], 'form="list"')
    assert "Not a promise" in shown(given["good"], 'form="what-if"')
    page.locator(f"{CARD} select").first.select_option(index=0)
    page.locator(f"{CARD} select").first.select_option(index=1)
    expect(page.locator(CARD)).to_contain_text("instead of")


def test_a_token_is_renewed_silently_and_the_card_is_emptied_when_it_cannot_be(page, host, shown, given):
    host.renewed = given["address"]
    page.clock.install()
    assert given["score"] in shown(given["good"], 'renew="/renew"')
    page.clock.fast_forward("05:00")
    expect(page.locator("einstein-score")).to_have_attribute("token", given["address"])
    host.renewed = ""
    assert given["score"] in shown(given["good"], 'renew="/renew"')
    page.clock.fast_forward("08:00")
    page.wait_for_timeout(300)
    page.clock.fast_forward("08:00")
    expect(page.locator(CARD)).to_have_text("No score can be shown here.")


def test_the_frame_shows_the_same_card_on_the_widgets_origin_and_is_not_drawn_elsewhere(page, host, stack, given):
    host.frames = True
    host.body = (
        f'<iframe title="Score" src="{stack.base}/widget/v1/frame/{given["frame"]}#token={given["good"]}"></iframe>'
    )
    page.goto(host.web.base)
    inside = page.frame_locator("iframe").locator("einstein-score")
    inside.wait_for()
    page.wait_for_timeout(500)
    assert given["score"] in inside.evaluate("element => element.shadowRoot.textContent")
    stranger = HostPage(stack.base)
    stranger.frames, stranger.body = True, host.body
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(stranger.web.base)
    page.wait_for_timeout(700)
    assert any("frame-ancestors" in words for words in refused)
    stranger.web.stop()
    host.frames = False


def test_rest_and_csv_give_nothing_away_either(stack, page, given):
    for path in (
        f"/api/v1/widgets/{given['widget']}/token",
        f"/api/v1/predictions/1/scores/{given['other']}",
        "/w/widgets/predictions/1/scores.csv",
    ):
        answer = page.request.get(stack.base + path, max_redirects=0)
        assert answer.status in {301, 302, 401, 404, 405}
        assert given["other"] not in answer.text()
