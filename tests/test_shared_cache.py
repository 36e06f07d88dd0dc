"""The little that all web processes know together: one statement a deed, the database's clock, nothing unpickled."""

from __future__ import annotations

import secrets
import threading
import time

import pytest
from django.core.cache import cache
from django.db import connection

from einstein.postgres import shared_cache


@pytest.fixture(autouse=True)
def _empty(db):
    cache.clear()


def rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM shared_cache")
        return cursor.fetchone()[0]


def test_what_is_set_is_read_until_its_time_is_over():
    cache.set("a", [1.5, 2.5], 0.2)
    assert cache.get("a") == [1.5, 2.5]
    time.sleep(0.25)
    assert cache.get("a", "gone") == "gone"


def test_a_living_value_is_not_added_over_and_a_dead_one_is():
    assert cache.add("a", 1, 0.2)
    assert not cache.add("a", 2, 60)
    assert cache.get("a") == 1
    time.sleep(0.25)
    assert cache.add("a", 3, 60)
    assert cache.get("a") == 3


def test_a_value_without_an_end_stays_and_can_be_deleted():
    cache.set("a", "x", None)
    shared_cache.sweep()
    assert not cache.add("a", "y")
    assert cache.delete("a")
    assert not cache.delete("a")


def test_a_touched_value_lives_on_and_a_dead_one_cannot_be_touched():
    cache.set("a", "x", 0.2)
    assert cache.touch("a", 60)
    time.sleep(0.25)
    assert cache.get("a") == "x"
    cache.set("b", "x", 0.01)
    time.sleep(0.05)
    assert not cache.touch("b", 60)


def test_old_rows_are_swept_by_later_writes_and_living_ones_stay(monkeypatch):
    cache.set("old", 1, 0.01)
    cache.set("new", 1, 60)
    time.sleep(0.05)
    monkeypatch.setattr(shared_cache, "SWEEP_ONE_WRITE_IN", 1)
    cache.set("other", 1, 60)
    assert rows() == 2
    assert cache.get("new") == 1


def test_of_many_who_add_at_once_one_is_told_true():
    told, ready, key = [], threading.Barrier(6), secrets.token_hex(8)

    def add() -> None:  # on a connection of its own, so it is committed; it runs out by itself
        ready.wait()
        told.append(cache.add(key, 1, 5))
        connection.close()

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [False] * 5 + [True]
