"""Connections to our own database notice when the other end is gone."""

from __future__ import annotations

import pytest
from django.db import connection

from einstein.postgres.patience import patient


@pytest.mark.django_db
def test_who_stands_still_within_a_transaction_is_put_out_after_five_minutes():
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("5min",)


def test_what_the_address_asks_for_comes_first():
    options = patient({"sslmode": "require", "connect_timeout": 3, "options": "-c idle_in_transaction_session_timeout=0"}, pooled=False)  # fmt: skip
    assert (options["sslmode"], options["connect_timeout"], options["keepalives_idle"]) == ("require", 3, 15)
    assert options["options"].endswith("=300000 -c idle_in_transaction_session_timeout=0")


def test_a_pooler_is_asked_for_nothing_it_does_not_know():
    assert "options" not in patient({}, pooled=True)
    assert patient({}, pooled=True)["tcp_user_timeout"] == 30_000
