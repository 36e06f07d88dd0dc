"""The installation gets another signing key: what the old one signed stays true while it is kept as a fallback, and ends with it."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.deliveries.models import Widget
from apps.deliveries.tokens import NotAllowed, frame_key, mint_token, read_frame_key, record_address
from apps.monitoring.links import LEAVE, holder_of, leave_url
from apps.scoring.models import Score
from tests.test_sessions import PAGE, browser, is_logged_in

HOST = "https://crm.example"
NEW, NEWER = "n" * 50, "w" * 50


@pytest.fixture
def rotate(settings):
    """Take a new key into use and keep the one before; or forget it."""

    def do(key: str, keep: bool = True) -> None:
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY] if keep else []
        settings.SECRET_KEY = key

    return do


def test_nobody_is_logged_out_and_each_log_in_is_still_listed_once(owner, rotate):
    desk = browser(owner)
    rotate(NEW)
    assert is_logged_in(desk)
    page = desk.get(PAGE).content.decode()
    assert page.count("Firefox on Windows") == 1
    assert "This one" in page


def test_a_log_in_used_meanwhile_needs_the_old_key_no_more(owner, rotate, settings):
    desk, idle = browser(owner), browser(owner)
    rotate(NEW)
    assert is_logged_in(desk)
    settings.SECRET_KEY_FALLBACKS = []
    assert [is_logged_in(client) for client in (desk, idle)] == [True, False]


def test_tokens_and_addresses_of_widgets_open_until_the_old_key_is_taken_out(scored, rotate, settings):
    widget = Widget.objects.create(prediction=scored, name="Churn risk", origins=[HOST])
    key = Score.objects.filter(prediction=scored).first().key

    def statuses() -> list[int]:
        return [
            Client().get("/widget/v1/score", headers={"X-Einstein-Token": token, "Origin": HOST}).status_code
            for token in signed
        ]

    signed = [mint_token(widget, key, HOST), record_address(widget, key)]
    rotate(NEW)
    assert statuses() == [200, 200]
    signed += [mint_token(widget, key, HOST), record_address(widget, key)]
    settings.SECRET_KEY_FALLBACKS = []
    assert statuses() == [401, 401, 200, 200]


def test_a_frame_in_a_page_opens_until_the_old_key_is_taken_out(scored, rotate, settings):
    widget = Widget.objects.create(prediction=scored, name="Churn risk", origins=[HOST])
    frame = frame_key(widget)
    rotate(NEW)
    assert read_frame_key(frame) == (widget.workspace_id, widget.id, [HOST])
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(NotAllowed):
        read_frame_key(frame)


def test_links_in_mails_open_until_the_old_key_is_taken_out(workspace, rotate, settings):
    token = leave_url(workspace.id, "maria@brightline.example").rstrip("/").rpartition("/")[2]
    rotate(NEW)
    assert holder_of(token, LEAVE).email == "maria@brightline.example"
    settings.SECRET_KEY_FALLBACKS = []
    assert holder_of(token, LEAVE) is None


def test_a_key_in_wrong_hands_is_dropped_at_once(owner, rotate):
    desk = browser(owner)
    rotate(NEWER, keep=False)
    assert not is_logged_in(desk)
