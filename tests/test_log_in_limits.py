"""How often a log-in may fail, counted over all web processes, by account and by an address that nobody can forge."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db import connection

PASSWORD = "a long enough password"


@pytest.fixture(autouse=True)
def _limited(settings, db):
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
    cache.clear()


def try_to_log_in(client, email: str, password: str = "wrong", **headers) -> str:
    form = {"login": email, "password": password}
    answer = client.post("/accounts/login/", form, REMOTE_ADDR="10.0.0.1", headers=headers)
    return "in" if answer.status_code == 302 else answer.content.decode()


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}@x.example" for number in range(count)]


def test_after_five_wrong_passwords_even_the_right_one_has_to_wait(client, owner):
    for _ in range(5):
        assert "Too many" not in try_to_log_in(client, owner.email)
    assert "Too many" in try_to_log_in(client, owner.email, PASSWORD)


def test_failures_are_counted_in_the_database_that_all_processes_share(client, owner):
    try_to_log_in(client, owner.email)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM shared_cache WHERE key LIKE '%%login_failed%%'")
        assert cursor.fetchone()[0] >= 2  # by address, by account


def test_an_address_that_fails_ten_times_has_to_wait_whatever_it_says_it_was_forwarded_for(client, owner):
    for place, name in enumerate(names("a", 10)):
        try_to_log_in(client, name, x_forwarded_for=f"203.0.113.{place}")
    assert "Too many" in try_to_log_in(client, owner.email, PASSWORD, x_forwarded_for="203.0.113.99")


def test_behind_a_proxy_only_the_last_address_counts_so_forged_ones_before_it_do_not_help(client, owner, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for place, name in enumerate(names("a", 10)):
        try_to_log_in(client, name, x_forwarded_for=f"203.0.113.{place}, 198.51.100.7")
    assert "Too many" in try_to_log_in(client, owner.email, PASSWORD, x_forwarded_for="203.0.113.99, 198.51.100.7")


def test_behind_a_proxy_one_visitors_failures_do_not_keep_the_others_out(client, owner, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for name in names("a", 10):
        try_to_log_in(client, name, x_forwarded_for="198.51.100.7")
    assert try_to_log_in(client, owner.email, PASSWORD, x_forwarded_for="198.51.100.8") == "in"


def test_an_address_that_cannot_be_read_is_no_error(client, owner, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert try_to_log_in(client, owner.email, PASSWORD, x_forwarded_for="nobody knows") == "in"


def test_too_many_sign_ups_from_one_address_get_a_page_that_says_to_wait(client, settings):
    settings.ACCOUNT_RATE_LIMITS = {"signup": "1/m/ip"}
    form = {"email": "x", "password1": "x"}
    client.post("/accounts/signup/", form)
    answer = client.post("/accounts/signup/", form)
    assert answer.status_code == 429
    assert "Wait a few minutes" in answer.content.decode()
