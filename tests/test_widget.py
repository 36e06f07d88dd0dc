"""The widget's door: a token or a signed address, nothing else; whatever is wrong gives 401 and no score."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import timedelta

import pytest
from django.conf import settings

from apps.deliveries import tokens
from apps.deliveries.models import Widget
from apps.deliveries.tokens import frame_key, mint_list_token, mint_token, record_address
from apps.monitoring.models import Alert
from apps.monitoring.watch import check_prediction
from apps.scoring.models import Score
from einstein.postgres import moment

HOST = "https://crm.example"


@pytest.fixture
def widget(scored):
    return Widget.objects.create(prediction=scored, name="Churn risk", origins=[HOST])


@pytest.fixture
def stored(scored):
    return Score.objects.filter(prediction=scored).order_by("-value").first()


@pytest.fixture
def ask(client):
    def send(token: str, origin: str = HOST):
        return client.get("/widget/v1/score", headers={"X-Einstein-Token": token, "Origin": origin})

    return send


def refused(answer, status: int = 401) -> bool:
    return answer.status_code == status and answer.json() == {"title": "No score", "status": status}


def test_a_token_shows_its_record_on_its_origin(ask, widget, stored):
    answer = ask(mint_token(widget, stored.key, HOST))
    assert answer.status_code == 200
    assert answer.json()["score"] == f"{stored.value:.0%}"
    assert len(answer.json()["reasons"]) == 3
    assert not answer.cookies


def test_a_token_is_refused_on_another_origin(ask, widget, stored):
    assert refused(ask(mint_token(widget, stored.key, HOST), "https://evil.example"), 403)
    assert refused(ask(mint_token(widget, stored.key, HOST), ""), 403)


@pytest.mark.parametrize(
    ("seconds_late", "status"), [(-1, 200), (tokens.CLOCK_ALLOWANCE - 1, 200), (tokens.CLOCK_ALLOWANCE + 1, 401)]
)
def test_a_token_ends_after_five_minutes_and_a_minute_for_wrong_clocks(
    ask, widget, stored, monkeypatch, seconds_late, status
):
    token = mint_token(widget, stored.key, HOST)
    later = moment.now() + timedelta(seconds=tokens.TOKEN_SECONDS + seconds_late)
    monkeypatch.setattr(moment, "now", lambda: later)
    assert ask(token).status_code == status


def test_a_signed_address_shows_its_record_until_the_key_is_turned(client, owner, ask, widget, stored):
    address = record_address(widget, stored.key)
    assert ask(address).status_code == 200
    client.force_login(owner)
    client.post(f"/w/{widget.workspace.slug}/predictions/{widget.prediction_id}/widgets/{widget.id}/turn/")
    assert refused(ask(address))


def forged(token: str, **changes: object) -> str:
    kind, body, signature = token.split(".")
    opened = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    body = base64.urlsafe_b64encode(json.dumps(opened | changes).encode()).rstrip(b"=").decode()
    return f"{kind}.{body}.{signature}"


def test_anything_wrong_gets_an_empty_401(ask, widget, stored, elsewhere):
    token, address = mint_token(widget, stored.key, HOST), record_address(widget, stored.key)
    wrong = [
        "", stored.key, "a.b.c", "..", token[:-2], f"{token}x", token.replace("t.", "a.", 1), address.replace("a.", "t.", 1), forged(token, k="other"),
        forged(token, w=elsewhere.id), forged(token, d=999), forged(token, e=9_999_999_999), forged(token, o="https://evil.example"), forged(token, w=None),
        forged(token, w="1; drop"), forged(token, d=2**70), "é.é.é",
    ]  # fmt: skip
    assert [text for text in wrong if not refused(ask(text))] == []


@pytest.mark.parametrize(
    "body",
    ['{"w":1e999,"d":1}', "[" * 6000, '{"w":true,"d":1}', '{"w":99999999999999999999,"d":1}', '{"w":-1,"d":1}', "3"],
)
def test_a_token_of_nonsense_is_refused_before_anything_is_asked(ask, db, body):
    packed = base64.urlsafe_b64encode(body.encode()).rstrip(b"=").decode()
    assert refused(ask(f"t.{packed}.x"))


def test_a_record_without_a_score_says_so(ask, widget):
    assert "No score yet" in ask(mint_token(widget, "nobody", HOST)).json()["none"]


@pytest.mark.parametrize("state", ["archived", "deleted"])
def test_the_widget_of_an_archived_prediction_is_empty(ask, scored, widget, stored, state):
    scored.state = state
    scored.save()
    assert refused(ask(mint_token(widget, stored.key, HOST)))


def test_a_token_is_minted_for_a_listed_origin_only(client, widget, stored, owner):
    from apps.workspaces.api_keys import create_key

    _, plain = create_key(owner, "CRM", "score")
    address, headers = f"/api/v1/widgets/{widget.id}/token", {"Authorization": f"Bearer {plain}"}
    good = client.post(address, {"key": stored.key, "origin": HOST}, content_type="application/json", headers=headers)
    bad = client.post(
        address, {"key": stored.key, "origin": "https://evil.example"}, content_type="application/json", headers=headers
    )
    assert good.json()["expires_in"] == 300
    assert bad.status_code == 400
    assert HOST in bad.json()["errors"]["origin"][0]


def test_a_lists_token_shows_the_highest_scores_and_no_records_card(client, ask, widget, stored):
    token = mint_list_token(widget, 5, HOST)
    answer = ask(token).json()
    assert len(answer["list"]) == 5
    assert answer["list"][0]["key"] == stored.key
    assert refused(ask(mint_list_token(widget, 5, HOST), "https://evil.example"), 403)
    tried = client.post(
        "/widget/v1/what-if",
        {"changes": {}},
        content_type="application/json",
        headers={"X-Einstein-Token": token, "Origin": HOST},
    )
    assert refused(tried, 403)


def test_what_if_tries_the_tokens_own_record_only(client, ask, widget, stored):
    token = mint_token(widget, stored.key, HOST)
    card = client.get("/widget/v1/score?what-if=1", headers={"X-Einstein-Token": token, "Origin": HOST}).json()
    assert "Contract" in [knob["field"] for knob in card["knobs"]]

    def send(body):
        return client.post(
            "/widget/v1/what-if",
            body,
            content_type="application/json",
            headers={"X-Einstein-Token": token, "Origin": HOST},
        )

    tried = send({"changes": {"Contract": "Two year", "customerID": "another"}}).json()
    assert tried["before"] == card["score"]
    assert tried["score"] != card["score"]
    for body in ("", "[]", "{", '{"changes": 3}', "null"):
        assert refused(send(body), 403)


def test_the_frame_page_may_be_held_by_the_widgets_origins_only_and_shows_nothing_by_itself(
    client, ask, widget, stored
):
    key = frame_key(widget)
    page = client.get(f"/widget/v1/frame/{key}")
    assert f"frame-ancestors {HOST}" in page["Content-Security-Policy"]
    assert "X-Frame-Options" not in page
    assert stored.key not in page.content.decode()
    headers = {"X-Einstein-Token": mint_token(widget, stored.key, HOST), "X-Einstein-Frame": key}
    assert client.get("/widget/v1/score", headers=headers).status_code == 200
    other = Widget.objects.create(prediction=widget.prediction, name="Other", origins=[HOST])
    assert refused(client.get("/widget/v1/score", headers=headers | {"X-Einstein-Frame": frame_key(other)}), 403)
    elsewhere = headers | {"Origin": "https://evil.example"}
    assert refused(client.get("/widget/v1/score", headers=elsewhere), 403), (
        "another page cannot pass itself off as the frame"
    )
    assert client.get("/widget/v1/frame/f.bm9uZQ.x").status_code == 404
    assert client.get(f"/widget/v1/frame/{mint_token(widget, stored.key, HOST)}").status_code == 404


def test_a_list_is_asked_for_instead_of_a_record_not_beside_it(client, widget, owner):
    from apps.workspaces.api_keys import create_key

    _, plain = create_key(owner, "CRM", "score")

    def send(body):
        return client.post(
            f"/api/v1/widgets/{widget.id}/token",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {plain}"},
        )

    assert send({"top": 10, "origin": HOST}).json()["token"].startswith("l.")
    assert send({"top": 10, "key": "x", "origin": HOST}).status_code == 400
    assert send({"origin": HOST}).status_code == 400
    assert send({"top": 500, "origin": HOST}).status_code == 400


def test_the_script_is_below_twelve_kilobytes_and_sets_no_cookie(client, db):
    answer = client.get("/widget/v1/widget.js")
    assert len(answer.content) < 12_000
    assert len(gzip.compress(answer.content)) < 5_000
    assert not answer.cookies
    assert "attachShadow" in answer.content.decode()


def test_the_addresses_file_holds_a_working_address_for_every_score(client, owner, widget, ask):
    import csv
    import io

    client.force_login(owner)
    text = client.get(
        f"/w/{widget.workspace.slug}/predictions/{widget.prediction_id}/widgets/{widget.id}/addresses.csv"
    ).content.decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 200
    assert all(ask(row["einstein_address"]).status_code == 200 for row in rows[:3])
    assert len({row["einstein_address"] for row in rows}) == 200


def test_a_viewer_may_look_at_widgets_but_not_make_one(client, workspace, scored, join):
    client.force_login(join(workspace, "viewer"))
    address = f"/w/{workspace.slug}/predictions/{scored.id}/widgets/"
    assert client.get(address).status_code == 200
    assert client.post(address, {"name": "W", "origins": HOST}).status_code == 403
    assert not Widget.objects.exists()


@pytest.mark.parametrize(
    "origins",
    [
        "crm.example",
        "javascript:alert(1)",
        "https://",
        "ftp://x.example",
        "",
        "https://[",
        "https://a;b.example",
        "https://x.example:99999",
    ],
)
def test_what_is_no_web_address_is_refused_by_name(client, owner, workspace, scored, origins):
    client.force_login(owner)
    page = client.post(f"/w/{workspace.slug}/predictions/{scored.id}/widgets/", {"name": "W", "origins": origins})
    assert page.status_code == 200
    assert not Widget.objects.exists()


def test_the_widgets_secret_is_not_the_installations(widget):
    assert settings.SECRET_KEY not in mint_token(widget, "k", HOST)


def test_what_is_refused_in_a_row_is_counted_until_a_score_is_shown(ask, widget, stored):
    for _ in range(3):
        ask(mint_token(widget, stored.key, HOST), "https://evil.example")
    widget.refresh_from_db()
    since = widget.refused_since
    assert (widget.refusals, widget.refusal) == (3, "origin") and since is not None
    ask(mint_token(widget, "no such record", HOST))
    widget.refresh_from_db()
    assert (widget.refusals, widget.refusal, widget.refused_since) == (4, "record", since)
    ask(mint_token(widget, stored.key, HOST))
    widget.refresh_from_db()
    assert (widget.refusals, widget.refusal, widget.refused_since) == (0, "", None)
    assert widget.last_shown_at > since


def test_what_is_forged_counts_for_nothing(ask, widget, stored):
    token = mint_token(widget, stored.key, HOST)
    for text in (forged(token, k="other"), token[:-2], forged(token, o="https://evil.example")):
        ask(text)
    widget.refresh_from_db()
    assert widget.refusals == 0


def test_a_widget_that_shows_nothing_any_more_is_one_alert(ask, widget, stored, scored, inside):
    for _ in range(10):
        ask(mint_token(widget, stored.key, HOST), "https://moved.example")
    check_prediction(type(scored).objects.select_related("dataset", "champion").get(id=scored.id))
    found = Alert.objects.get(check_kind="widgets_show")
    assert "Churn risk was asked 10 times in a row and showed no score" in found.answers["what"]
    assert "an address that the widget does not know" in found.answers["why"]


def test_a_widget_that_is_asked_too_often_says_when_to_come_again(ask, widget, stored, settings):
    settings.WIDGET_CALLS_AN_HOUR = 1
    token = mint_token(widget, stored.key, HOST)
    assert ask(token).status_code == 200
    refused = ask(token)
    assert refused.status_code == 429
    assert refused["Content-Type"] == "application/problem+json"
    assert int(refused["Retry-After"]) > 0
    assert refused["Access-Control-Allow-Origin"] == "*"
