"""What fails in the night: workers and whole machines, the database, the disk, the mail server, a clock. In the morning every record has one current
score, every change was told once, every alert was mailed once, and no Run says what is not so.

EINSTEIN_TEST_KILLS=50 kills fifty times; the test is the same.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from einstein.postgres.embedded import OWNER
from einstein.serve import keep_running
from tests.e2e.stack import wait_for
from tests.faults import console
from tests.faults.installation import LEASE_SECONDS, Database
from tests.faults.object_store import ObjectStore
from tests.left_behind import left_behind
from tests.wrong_clock import faketime

KILLS, A_NIGHT = int(os.environ.get("EINSTEIN_TEST_KILLS", "3")), 10
SEED = 11
DATABASE_DISK = "600m"
companies = count()


@pytest.fixture
def broken(fleet):
    """The company whose feed breaks tonight: another each time, so that each has one alert to come."""
    return next(companies) % fleet.companies


def up(*hosts) -> None:
    """Wait until their workers are there."""
    wait_for(lambda: all(len(host.pids("manage.py work")) >= 4 for host in hosts), 120, "the machines to be up")


def under_way(fleet) -> bool:
    """Something is running, and something is left to do."""
    return bool(
        fleet.installation.sql(
            "SELECT 1 FROM runs_run WHERE state = 'running' AND created_at >= %s LIMIT 1", fleet.began
        )
    )


def stopped_while_scoring(installation, host) -> list[tuple]:
    """(number, workspace) of a scoring that cannot end, because its worker stands still; the workers go on where there is none."""
    for pid in host.pids("manage.py work"):
        os.kill(pid, signal.SIGSTOP)
    # Not one that stopped within a transaction: nobody could say anything about that until its worker is dead.
    found = installation.sql(
        "SELECT id, workspace_id FROM runs_run WHERE kind = 'score' AND state = 'running' LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    if not found:
        for pid in host.pids("manage.py work"):
            os.kill(pid, signal.SIGCONT)
    return found


def waiting(fleet, sentence: str) -> list[tuple]:
    """(number, workspace) of one Run that waits out an outage."""
    query = "SELECT id, workspace_id FROM runs_run WHERE state = 'queued' AND outages > 0 AND error LIKE %s LIMIT 1"
    return fleet.installation.sql(query, sentence)


def good_morning(fleet, broken: int, before: int, mails_twice: int = 0) -> None:
    """The night ends with nothing lost and nothing doubled, one alert to the owner of the broken feed, and one list to each company's people."""
    lists = fleet.nights_mails()
    fleet.morning()
    twice = [loss for loss in fleet.losses() if loss.startswith("a mail came")]
    assert [loss for loss in fleet.losses() if loss not in twice] == []
    assert len(twice) <= mails_twice, twice
    assert len(set(fleet.alarms(broken)[before:])) == 1, fleet.alarms(broken)
    assert all(fleet.nights_mails()[f"sales{company}@people.example"] >= lists[f"sales{company}@people.example"] for company in range(fleet.companies))  # fmt: skip


@pytest.mark.long
def test_killed_workers_lose_nothing_and_double_nothing(fleet, host, broken, record_property):
    random.seed(SEED)
    before, done, hit = len(fleet.alarms(broken)), 0, 0
    while done < KILLS:
        fleet.nightfall(broken)
        wait_for(lambda: under_way(fleet), 60, "work to be under way")
        for _ in range(min(A_NIGHT, KILLS - done)):
            time.sleep(random.uniform(0.05, 1.0))
            hit += under_way(fleet)
            host.kill_one(random.choice, "manage.py work")
            done += 1
        fleet.morning()
        assert fleet.losses() == []
    assert len(fleet.alarms(broken)) == before + 1
    wait_for(
        lambda: not left_behind(fleet.installation.temporary), 10, "the records that killed workers held to be removed"
    )
    taken = fleet.installation.sql("SELECT count(*), max(attempts) FROM runs_run WHERE attempts > 1")[0]
    record_property("kill -9", f"{done} workers killed, {hit} while Runs were under way; {taken[0]} Runs taken over, at most {taken[1]} tries")  # fmt: skip


@pytest.mark.long
def test_work_that_kills_its_worker_is_given_up_and_the_console_says_what_to_do(fleet, host, installation):
    fleet.nightfall()
    [[run, workspace]] = wait_for(lambda: stopped_while_scoring(installation, host), 60, "a scoring to be under way")
    installation.sql("UPDATE runs_run SET attempts = 3 WHERE id = %s", run)
    for pid in host.pids("manage.py work"):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: installation.sql("SELECT 1 FROM runs_run WHERE id = %s AND state = 'failed'", run), 60, "the run to be given up")  # fmt: skip
    assert console.unsaid(installation, run, workspace, "worker_lost") == []
    console.retry(installation, workspace, run)
    fleet.morning()
    assert [loss for loss in fleet.losses() if not loss.startswith("run ")] == [], "the retried Run made up for it"


@pytest.mark.long
def test_a_database_that_restarts_and_then_stays_away(fleet, host, broken):
    before = len(fleet.alarms(broken))
    fleet.nightfall(broken)
    wait_for(lambda: under_way(fleet), 60, "work to be under way")
    fleet.installation.database.stop_at_once()
    fleet.installation.database.start_again()
    time.sleep(2)
    fleet.installation.database.stop_at_once()
    time.sleep(2 * LEASE_SECONDS)
    fleet.installation.database.start_again()
    good_morning(fleet, broken, before, mails_twice=1)


@pytest.mark.long
def test_a_mail_server_that_stops(fleet, host, broken):
    before = len(fleet.alarms(broken))
    fleet.installation.inbox.stop()
    fleet.nightfall(broken)
    wait_for(lambda: fleet.installation.sql("SELECT 1 FROM outbox_message WHERE state = 'pending' AND attempts > 0"), 90, "a mail to be refused")  # fmt: skip
    fleet.installation.inbox.start()
    good_morning(fleet, broken, before)


@pytest.mark.long
def test_a_machine_that_is_gone_for_good(fleet, installation, host, broken):
    before = len(fleet.alarms(broken))
    other = installation.host("other").start()
    up(other)
    fleet.nightfall(broken)
    wait_for(lambda: under_way(fleet), 60, "work to be under way")
    time.sleep(1)
    host.kill()
    try:
        good_morning(fleet, broken, before, mails_twice=1)
    finally:
        other.kill()


@pytest.mark.long
def test_a_clock_that_jumps_an_hour_and_back(fleet, installation, broken):
    before, shift = len(fleet.alarms(broken)), installation.var / "clock.txt"
    shift.write_text("+0")
    env = {"LD_PRELOAD": faketime(), "FAKETIME_TIMESTAMP_FILE": str(shift), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "PYTHONFAULTHANDLER": "1"}  # fmt: skip
    skewed, steady = installation.host("skewed", **env).start(), installation.host("steady", clock=False).start()
    try:
        up(skewed, steady)
        fleet.nightfall(broken)
        wait_for(lambda: under_way(fleet), 60, "work to be under way")
        shift.write_text("+1h")
        time.sleep(2)
        good_morning(fleet, broken, before)
        ahead = installation.sql("SELECT id, kind, created_at, due_at, ended_at FROM runs_run WHERE created_at > now() OR due_at > now() + interval '1 minute' OR ended_at > now()")  # fmt: skip
        assert ahead == [], "nothing was made, planned or ended in the future"
        assert installation.sql("SELECT id, kind, attempts FROM runs_run WHERE attempts > 1 AND created_at >= %s", fleet.began) == [], "no lease was taken from the living"  # fmt: skip
        fleet.nightfall()
        shift.write_text("+0")
        fleet.morning()
        assert fleet.losses() == []
    finally:
        skewed.kill()
        steady.kill()


@pytest.mark.long
def test_a_disk_that_is_full_for_a_while(fleet, installation, broken, tmp_path):
    before = len(fleet.alarms(broken))
    files = installation.var / "files"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(tmp_path)], check=True)
    shutil.copytree(files, tmp_path / "files")
    settings = {
        "EINSTEIN_STORAGE_URL": str(tmp_path / "files"),
        "TMPDIR": str(tmp_path),
        "EINSTEIN_DISK_FLOOR_MB": "-1024",
    }  # it really fills
    small = installation.host("small", **settings).start()
    try:
        up(small)
        fleet.nightfall(broken)
        wait_for(lambda: under_way(fleet), 60, "work to be under way")
        fill(tmp_path / "filler")
        [[run, workspace]] = wait_for(lambda: waiting(fleet, "The disk%"), 90, "work to meet the full disk")
        (tmp_path / "filler").unlink()
        assert console.unsaid(installation, run, workspace, "disk") == []
        good_morning(fleet, broken, before)
        shutil.rmtree(files)
        shutil.copytree(tmp_path / "files", files)
    finally:
        small.kill()
        # Lazily: what dies with its parent holds its folder there for a moment longer.
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.mark.long
def test_a_disk_of_the_database_that_is_full_for_a_while(fleet, installation, host, broken, record_property):
    before = len(fleet.alarms(broken))
    with on_a_small_disk(installation.database) as disk, kept_running(installation.database) as found_dead:
        fleet.nightfall(broken)
        wait_for(lambda: under_way(fleet), 60, "work to be under way")
        fill(disk / "filler")
        with pytest.raises(psycopg.OperationalError):
            installation.sql("SELECT pg_logical_emit_message(true, 'filler', repeat('x', 1_000_000)) FROM generate_series(1, 1000)")  # fmt: skip
        wait_for(lambda: found_dead, 30, "PostgreSQL to give up for want of room for its log")
        time.sleep(3 * LEASE_SECONDS)
        (disk / "filler").unlink()
        wait_for(lambda: is_there(installation.database), 60, "PostgreSQL to be started again")
        good_morning(fleet, broken, before, mails_twice=1)
    record_property("the full disk", f"PostgreSQL found dead {len(found_dead)} times")


@pytest.mark.long
def test_an_object_store_that_stops(fleet, installation, broken, tmp_path, record_property):
    before, files = len(fleet.alarms(broken)), installation.var / "files"
    store = ObjectStore(tmp_path / "objects").start()
    store.files().put(str(files), "einstein/", recursive=True)
    host = installation.host("remote", **store.environment).start()
    try:
        up(host)
        fleet.nightfall(broken)
        wait_for(lambda: under_way(fleet), 60, "work to be under way")
        store.stop()
        [[run, workspace]] = wait_for(lambda: waiting(fleet, "The file store%"), 120, "work to miss the files")
        assert console.unsaid(installation, run, workspace, "files") == []
        store.start()
        good_morning(fleet, broken, before)
        shutil.rmtree(files)
        store.files().get("einstein/files", str(files), recursive=True)
        record_property("the object store", store.name)
    finally:
        host.kill()
        store.leave()


def fill(path) -> None:
    with path.open("wb", buffering=0) as filler:  # else closing it writes what was left over, and fails too
        try:
            while True:
                filler.write(b"x" * 65_536)
        except OSError:
            return


@contextmanager
def on_a_small_disk(database: Database) -> Iterator[Path]:
    """The database on a disk of its own meanwhile."""
    database.stop_at_once()
    aside = database.data.with_name("aside")
    copy(database.data, aside)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DATABASE_DISK}", "tmpfs", str(database.data)], check=True)
    copy(aside, database.data)
    database.start_again()
    try:
        yield database.data
        database.stop_at_once()
        shutil.rmtree(aside)
        copy(database.data, aside)
    finally:
        if database.is_running():
            database.stop_at_once()
        subprocess.run(["umount", "--lazy", str(database.data)], check=True)
        shutil.rmtree(database.data)
        aside.rename(database.data)
        database.start_again()


def copy(folder: Path, to: Path) -> None:
    """With its owner, whom alone the server trusts."""
    subprocess.run(["cp", "-aT", str(folder), str(to)], check=True)


def is_there(database: Database) -> bool:
    try:
        psycopg.connect(database.url(OWNER)).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def kept_running(database: Database) -> Iterator[list[float]]:
    """Somebody starts it again when it ends, as `einstein run` does; when it was found dead."""
    stop, found_dead = threading.Event(), []

    def watch() -> None:
        while not stop.wait(0.5):
            if not database.is_running():
                found_dead.append(time.monotonic())
            keep_running(database, stop)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found_dead
    finally:
        stop.set()
        thread.join()
