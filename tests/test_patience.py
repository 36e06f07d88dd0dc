"""Connections to our own database notice when the other end is gone."""

from __future__ import annotations

from django.db import connection

from einstein.postgres.patience import patient


def test_our_own_connections_are_patient():
    assert patient({}, pooled=False).items() <= connection.settings_dict["OPTIONS"].items()


def test_what_the_address_asks_for_comes_first():
    options = patient({"sslmode": "require", "connect_timeout": 3, "options": "-c tcp_user_timeout=9"}, pooled=False)  # fmt: skip
    assert (options["sslmode"], options["connect_timeout"], options["keepalives_idle"]) == ("require", 3, 15)
    assert options["options"].endswith("=30000 -c tcp_user_timeout=9")


def test_a_pooler_is_asked_for_nothing_it_does_not_know():
    assert "options" not in patient({}, pooled=True)
    assert patient({}, pooled=True)["tcp_user_timeout"] == 60_000
