"""Calls are counted over all web processes, refused beyond their limits, and told how many are left."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import date
from math import ceil

import psycopg
import pytest
from django.conf import settings as project
from django.db import connection
from hypothesis import given
from hypothesis import strategies as some

from apps.workspaces import at_once, calls
from apps.workspaces.api_keys import create_key
from apps.workspaces.at_once import Busy, one_of_few
from apps.workspaces.calls import HOUR, Rate
from apps.workspaces.models import CallCount, CallRate
from apps.workspaces.quotas import set_quota
from einstein.postgres import moment

RATES = some.builds(Rate, some.just(1000), some.integers(0, 5000), some.integers(0, 5000))
MOMENTS = some.floats(1000 * HOUR, 1003 * HOUR - 1)
BEGIN = """
import django; django.setup()
from apps.workspaces.models import User
from apps.workspaces.people import create_workspace
print(create_workspace("Counted", User.objects.create_user("counted@brightline.example", None)).id)
"""
CALL = """
import django, sys, time; django.setup()
from apps.workspaces.calls import take
from apps.workspaces.scope import workspace_scope
allowed = 0
sys.stdin.readline()
for _ in range({calls}):
    with workspace_scope({workspace}):
        allowed += take("key:1", {limit}).allowed
    time.sleep(0.002)
time.sleep(1.0)
print(allowed)
"""


@given(RATES, MOMENTS, some.integers(0, 4000))
def test_after_the_seconds_that_are_told_there_is_room_again(rate, now, most):
    wait = rate.seconds_until(most, now)
    assert rate.within_the_hour(now + wait) <= most + 1e-6
    assert wait == 0 or rate.within_the_hour(now + wait - 1.5) >= most


@given(RATES, MOMENTS)
def test_what_lies_two_hours_back_is_forgotten(rate, now):
    assert rate.within_the_hour(now) <= rate.calls + rate.before
    assert rate.within_the_hour(1002 * HOUR) == 0


@given(some.integers(1, 50), some.lists(some.integers(0, 900), max_size=150))
def test_no_clock_hour_sees_more_calls_than_its_limit(limit, pauses):
    rate, now, seen = Rate(1000, 0, 0), 1000.0 * HOUR, {}
    for pause in pauses:
        now += pause
        rate = rate.at(now)
        if calls._judge(rate, limit, None, now).allowed:
            rate = Rate(rate.hour, rate.calls + 1, rate.before)
            seen[rate.hour] = seen.get(rate.hour, 0) + 1
    assert max(seen.values(), default=0) <= limit


@pytest.fixture
def call(client, inside, owner):
    """Call the API with a key of the workspace."""
    key, plain = create_key(owner, "CRM", "read")
    ask = lambda: client.get("/api/v1/predictions", headers={"Authorization": f"Bearer {plain}"})  # noqa: E731
    ask.key = key
    return ask


def test_the_call_beyond_the_hours_limit_is_refused_with_the_seconds_to_wait(call, settings):
    settings.KEY_CALLS_AN_HOUR = 2
    answers = [call() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    refused = answers[-1]
    assert refused["Content-Type"] == "application/problem+json"
    assert 0 < int(refused["Retry-After"]) <= 2 * HOUR
    assert refused["RateLimit-Remaining"] == "0"
    assert refused.json()["detail"].startswith("This key may call 2 times an hour. Call again in ")


def test_a_refused_call_is_not_counted(call, settings):
    settings.KEY_CALLS_AN_HOUR = 2
    for _ in range(5):
        call()
    assert CallRate.objects.get().calls == CallCount.objects.get().calls == 2


def test_one_keys_calls_leave_another_its_own(call, settings, client, owner):
    settings.KEY_CALLS_AN_HOUR = 1
    call()
    _, other = create_key(owner, "ERP", "read")
    assert call().status_code == 429
    assert client.get("/api/v1/predictions", headers={"Authorization": f"Bearer {other}"}).status_code == 200


def test_when_the_months_calls_are_made_the_workspace_is_told_what_to_do(call, inside, settings):
    settings.OPERATOR_CONTACT = "ops@einstein.example"
    set_quota(inside.id, "api_calls", 1, None)
    call()
    refused = call()
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_reached")
    assert "may make 1 API call a month: 1 API call is used." in refused.json()["detail"]
    assert "ask your operator (ops@einstein.example) for more. It begins anew on 1 " in refused.json()["detail"]
    assert 0 < int(refused["Retry-After"]) <= 31 * 24 * HOUR + HOUR


def test_what_is_counted_in_memory_is_written_by_and_by_and_never_twice(inside, settings, monkeypatch):
    settings.COUNT_CALLS_SECONDS = 1.0
    monkeypatch.setattr(calls, "_see_that_it_is_written", lambda waiting: None)
    left = [calls.take("key:7", 5).left for _ in range(3)]
    assert (left, CallCount.objects.count()) == ([4, 3, 2], 0)
    calls.write_down()
    calls.write_down()
    assert CallCount.objects.get().calls == 3
    assert calls.take("key:7", 5).left == 1


def test_counts_that_could_not_be_written_are_kept(inside, settings, monkeypatch):
    settings.COUNT_CALLS_SECONDS = 1.0
    monkeypatch.setattr(calls, "_see_that_it_is_written", lambda waiting: None)
    calls.take("key:8", 5)
    with monkeypatch.context() as broken:
        broken.setattr(calls, "_added", lambda counted: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            calls.write_down()
    calls.write_down()
    assert CallCount.objects.get(caller="key:8").calls == 1


def test_a_process_that_begins_hears_what_others_have_counted(inside):
    hour = int(moment.now().timestamp() // HOUR)
    CallRate.objects.create(caller="key:9", hour=hour, calls=4, before=0)
    taken = calls.take("key:9", 5)
    assert (taken.allowed, taken.left) == (True, 0)
    assert not calls.take("key:9", 5).allowed


def test_calls_of_an_erased_workspace_are_passed_over(inside):
    with calls._lock:
        calls._unsent[(2**40, "key:1", date(2026, 11, 1))] = 3
    calls.write_down()
    assert not CallCount.objects.exists()


def test_counting_costs_no_query_while_it_is_remembered(inside, settings, monkeypatch, django_assert_num_queries):
    settings.COUNT_CALLS_SECONDS = 1.0
    monkeypatch.setattr(calls, "_see_that_it_is_written", lambda waiting: None)
    calls.take("key:3", 100)
    with django_assert_num_queries(0):
        calls.take("key:3", 100)
    calls.write_down()


@pytest.fixture
def committed(db):
    """Run Python in a process of its own, against the same database; what it leaves there is removed."""
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "einstein.settings", "DATABASE_URL": project.DATABASE_URL, "DATABASE_OWNER_URL": project.DATABASE_OWNER_URL,
        "EINSTEIN_DATABASE_NAME": connection.settings_dict["NAME"], "EINSTEIN_COUNT_CALLS_SECONDS": "0.1",
    }  # fmt: skip
    begin = lambda code: subprocess.Popen([sys.executable, "-c", code], cwd=project.BASE_DIR, env=env, text=True,  # noqa: E731
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    begin.workspace = int(begin(BEGIN).communicate()[0])
    yield begin
    owner = project.DATABASE_OWNER_URL
    with psycopg.connect(owner, dbname=connection.settings_dict["NAME"], autocommit=True) as database:
        for name in ("callcount", "callrate", "auditentry", "membership"):
            database.execute(f"DELETE FROM workspaces_{name} WHERE workspace_id = %s", [begin.workspace])
        database.execute("DELETE FROM workspaces_workspace WHERE id = %s", [begin.workspace])
        database.execute("DELETE FROM workspaces_user WHERE email = 'counted@brightline.example'")


def test_two_processes_together_let_through_what_one_may_and_little_more(committed, record_property):
    each, limit = 400, 500
    both = [committed(CALL.format(calls=each, workspace=committed.workspace, limit=limit)) for _ in range(2)]
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    allowed = sum(int(process.communicate()[0]) for process in both)
    with psycopg.connect(project.DATABASE_OWNER_URL, dbname=connection.settings_dict["NAME"]) as database:
        counted = database.execute(
            "SELECT calls FROM workspaces_callcount WHERE workspace_id = %s", [committed.workspace]
        )
        assert counted.fetchone()[0] == allowed
    record_property("calls let through by two processes", f"{allowed} of {limit}")
    assert limit <= allowed <= ceil(limit * 1.3)


def test_quick_calls_of_one_workspace_are_never_too_many_at_once(settings):
    settings.LONG_CALLS_AT_ONCE = 1
    with one_of_few(1), one_of_few(1), one_of_few(1):
        assert len(at_once._begun[1]) == 3
    assert 1 not in at_once._begun


def test_while_long_calls_run_the_next_of_the_same_workspace_waits_and_others_do_not(settings, monkeypatch):
    settings.LONG_CALLS_AT_ONCE = 1
    monkeypatch.setattr(at_once, "LONG_SECONDS", 0.05)
    entered, leave = threading.Event(), threading.Event()

    def long() -> None:
        with one_of_few(1):
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=long)
    thread.start()
    entered.wait(10)
    threading.Event().wait(0.1)
    with pytest.raises(Busy), one_of_few(1):
        pass
    with one_of_few(2):
        leave.set()
    thread.join()


def test_a_call_refused_for_others_that_take_long_is_a_problem_with_a_second_to_wait(call, inside, settings):
    settings.LONG_CALLS_AT_ONCE = 0
    refused = call()
    assert (refused.status_code, refused["Retry-After"], refused.json()["code"]) == (429, "1", "too_many_at_once")
