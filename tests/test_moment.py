"""What time it is: by PostgreSQL's clock, whatever this host's says."""

import os
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.utils import timezone
from django_q.models import OrmQ

from apps.runs.broker import Broker
from apps.workspaces.models import User
from einstein.postgres import moment
from tests.wrong_clock import faketime

pytestmark = pytest.mark.django_db
A_MOMENT = timedelta(seconds=2)
AHEAD = "import django; django.setup(); from einstein.postgres import moment; from django.utils import timezone; print(moment.now().isoformat(), timezone.now().isoformat())"


def asked() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


@pytest.fixture
def host_is_an_hour_ahead(monkeypatch):
    true = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: true() + timedelta(hours=1))


def test_the_time_is_the_databases(monkeypatch):
    monkeypatch.setattr(moment, "_known", None)
    assert abs(moment.now() - asked()) < A_MOMENT


@pytest.mark.parametrize("shift", ["+1h", "-1h"])
def test_a_host_whose_clock_is_wrong_goes_by_the_databases(shift):
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "einstein.settings", "DATABASE_URL": settings.DATABASE_URL, "DATABASE_OWNER_URL": settings.DATABASE_OWNER_URL,
        "LD_PRELOAD": faketime(), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "EINSTEIN_DATABASE_NAME": connection.settings_dict["NAME"],
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", AHEAD], cwd=settings.BASE_DIR, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ours, hosts = (datetime.fromisoformat(text) for text in done.stdout.split())
    assert abs(ours - asked()) < timedelta(seconds=30)
    assert abs(abs(hosts - asked()) - timedelta(hours=1)) < timedelta(seconds=30)


def test_a_row_says_when_it_was_made_by_the_databases_clock(host_is_an_hour_ahead):
    user = User.objects.create_user("late@brightline.example", None, name="Late")
    assert abs(user.date_joined - asked()) < A_MOMENT


def test_asking_is_no_query_of_a_page(django_assert_num_queries, monkeypatch):
    connection.ensure_connection()
    monkeypatch.setattr(moment, "_known", None)
    with django_assert_num_queries(0):
        moment.now()


def test_a_broken_transaction_does_not_keep_the_time_from_going_on(monkeypatch):
    before = moment.now()
    monkeypatch.setattr(moment, "ASKED_EVERY", -1.0)
    with pytest.raises(DatabaseError), transaction.atomic():
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        assert before < moment.now() < before + A_MOMENT
        User.objects.exists()


def test_threads_agree_on_the_time(monkeypatch):
    monkeypatch.setattr(moment, "_known", None)
    moment.now()
    found = []
    threads = [threading.Thread(target=lambda: found.append(moment.now())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(found) - min(found) < A_MOMENT


def test_a_clock_that_is_set_is_noticed(monkeypatch):
    moment.now()
    known = moment._known
    monkeypatch.setattr(moment, "_known", (known[0] - timedelta(hours=3), known[1], known[2] - 10_800))
    assert abs(moment.now() - asked()) < A_MOMENT


class FarDatabase:
    """The real one, and each question takes a while to get there."""

    def __init__(self, seconds: list[float]) -> None:
        self.seconds, self.connection = seconds, self

    def ensure_connection(self) -> None:
        connection.ensure_connection()

    def execute(self, query: str):
        time.sleep(self.seconds.pop(0))
        return connection.connection.execute(query)


def ask_from_afar(monkeypatch, *seconds: float) -> None:
    monkeypatch.setattr(moment, "_known", None)  # and back to what it was, after the test
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(moment, "connection", FarDatabase(list(seconds)))
        moment._ask()


def test_a_question_that_takes_long_to_arrive_does_not_put_us_ahead(monkeypatch):
    ask_from_afar(monkeypatch, 0.2, 0.2, 0.2)
    monkeypatch.setattr(moment, "_last", None)
    assert moment.now() <= asked()


def test_of_slow_answers_the_fastest_counts(monkeypatch):
    ask_from_afar(monkeypatch, 0.3, 0.01, 0.3)
    monkeypatch.setattr(moment, "_last", None)
    assert asked() - moment.now() < timedelta(seconds=0.2)


def test_the_time_does_not_go_back_for_a_slower_answer(monkeypatch):
    before = moment.now()
    known, monotonic, wall = moment._known
    monkeypatch.setattr(moment, "_known", (known - timedelta(seconds=0.3), monotonic, wall))
    assert moment.now() >= before


def test_the_time_goes_back_when_the_databases_clock_was_wrong(monkeypatch):
    before = moment.now()
    known, monotonic, wall = moment._known
    monkeypatch.setattr(moment, "_known", (known - timedelta(hours=1), monotonic, wall))
    assert before - moment.now() > timedelta(minutes=59)


def test_work_put_in_by_a_host_that_is_ahead_is_taken_at_once(host_is_an_hour_ahead):
    broker = Broker("interactive")
    broker.enqueue("signed work")
    [[_, payload]] = broker.dequeue()
    assert payload == "signed work"
    assert OrmQ.objects.get().lock > asked() + timedelta(minutes=30), "it is kept for whoever took it"
    assert broker.queue_size() == 0 and broker.lock_size() == 1
