"""Where a person is logged in: what she sees of it, and what ends it."""

from __future__ import annotations

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client

from apps.workspaces import last_seen
from apps.workspaces.browsers import browser_words
from apps.workspaces.sessions import end_sessions, sessions_of

PAGE = "/accounts/sessions/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"


def browser(person, agent: str = FIREFOX, address: str = "198.51.100.7") -> Client:
    """Logged in through the page, as people do."""
    client = Client(REMOTE_ADDR=address, headers={"user-agent": agent})
    client.post("/accounts/login/", {"login": person.email, "password": "a long enough password"})
    return client


def is_logged_in(client: Client) -> bool:
    return client.get("/profile/").status_code == 200


def row_of(client: Client) -> UserSession:
    return UserSession.objects.get(session_key=client.session.session_key)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (PHONE, "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 OPR/112.0", "Opera on Mac"),
        ("curl/8.5.0", "A program (curl)"),
        ("", "Unknown browser"),
    ],
)  # fmt: skip
def test_a_browser_is_named_in_plain_words(agent, words):
    assert browser_words(agent) == words


def test_the_page_lists_each_log_in_with_browser_and_address_this_one_first(owner):
    desk = browser(owner)
    browser(owner, PHONE, "203.0.113.9")
    page = desk.get(PAGE).content.decode()
    assert "Safari on iPhone" in page
    assert "203.0.113.9" in page
    assert page.index("This one") < page.index("Safari on iPhone")


def test_nobody_sees_or_ends_another_persons_session(owner, stranger):
    hers, his = browser(owner, PHONE), browser(stranger)
    assert "Safari on iPhone" not in his.get(PAGE).content.decode()
    assert his.post(f"{PAGE}{row_of(hers).id}/end/").status_code == 404
    assert is_logged_in(hers)


def test_one_session_is_signed_out_and_the_others_stay(owner):
    here, lost, third = browser(owner), browser(owner, PHONE), browser(owner)
    here.post(f"{PAGE}{row_of(lost).id}/end/")
    assert [is_logged_in(client) for client in (here, lost, third)] == [True, False, True]


def test_the_session_that_asks_is_not_signed_out_here(owner):
    here = browser(owner)
    assert here.post(f"{PAGE}{row_of(here).id}/end/").status_code == 404
    assert is_logged_in(here)


def test_everywhere_else_is_signed_out_at_once(owner, stranger):
    here, other, stranger_there = browser(owner), browser(owner, PHONE), browser(stranger)
    page = here.post(f"{PAGE}end-others/", follow=True).content.decode()
    assert "signed out everywhere else" in page
    assert "Only here" in page
    assert [is_logged_in(client) for client in (here, other, stranger_there)] == [True, False, True]


@pytest.mark.parametrize("path", ["end-others/", "1/end/"])
def test_looking_at_an_address_ends_nothing(owner, path):
    here = browser(owner)
    assert here.get(PAGE + path).status_code == 405


def test_ending_asks_only_for_that_persons_rows(owner, stranger, django_assert_num_queries):
    hers, his = browser(owner), browser(stranger)
    with django_assert_num_queries(3):
        end_sessions(owner)
    assert (is_logged_in(hers), is_logged_in(his)) == (False, True)


def test_sessions_that_are_over_are_not_listed(owner):
    here, gone, old = browser(owner), browser(owner), browser(owner)
    Session.objects.filter(session_key=gone.session.session_key).delete()
    Session.objects.filter(session_key=old.session.session_key).update(expire_date="2020-01-01T00:00Z")
    assert len(sessions_of(owner, here.session.session_key)) == 1


def test_a_changed_password_leaves_no_session_in_the_list(owner):
    browser(owner)
    owner.set_password("another long password")
    owner.save()
    assert sessions_of(owner, "") == []


def test_the_list_costs_the_same_for_one_session_and_for_many(owner, django_assert_num_queries):
    here = browser(owner)
    here.get(PAGE)
    with django_assert_num_queries(4):
        here.get(PAGE)
    for _ in range(5):
        browser(owner)
    with django_assert_num_queries(4):
        here.get(PAGE)


def test_a_session_is_noted_again_after_five_minutes_and_at_once_from_a_new_address(owner, monkeypatch):
    here = browser(owner)
    here.get("/profile/")
    first = row_of(here).last_seen_at
    here.get("/profile/")
    assert row_of(here).last_seen_at == first
    here.get("/profile/", REMOTE_ADDR="203.0.113.50")
    assert row_of(here).ip == "203.0.113.50"
    monkeypatch.setattr(last_seen, "EVERY_SECONDS", 0)
    UserSession.objects.update(last_seen_at="2020-01-01T00:00Z")
    here.get("/profile/", REMOTE_ADDR="203.0.113.50")
    assert row_of(here).last_seen_at.year > 2020


def test_a_session_without_a_row_gets_one_so_that_it_can_be_ended(client, owner):
    client.force_login(owner)
    assert is_logged_in(client)
    end_sessions(owner)
    assert not is_logged_in(client)


def test_a_forged_address_is_not_shown_unless_our_proxy_says_it(owner, settings):
    here = browser(owner)
    here.get("/profile/", headers={"x-forwarded-for": "203.0.113.9"})
    assert row_of(here).ip == "198.51.100.7"
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    here.get("/profile/", headers={"x-forwarded-for": "1.1.1.1, 203.0.113.9"})
    assert row_of(here).ip == "203.0.113.9"
