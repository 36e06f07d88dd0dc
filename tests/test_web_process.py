"""The web server as a process of its own."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import psycopg
import pytest

from einstein import serve
from einstein.serve import Child
from tests.conftest import ROOT
from tests.e2e.stack import free_port, wait_for


@pytest.fixture
def web(django_db_setup, tmp_path):
    port = free_port()
    env = os.environ | {"EINSTEIN_PORT": str(port), "EINSTEIN_LOG_FORMAT": "json", "EINSTEIN_LOG_LEVEL": "INFO"}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "manage.py", "web"], cwd=ROOT, env=env, stdout=log, stderr=log)
    process.base, process.log = f"http://127.0.0.1:{port}", tmp_path / "log"
    wait_for(lambda: ask(process, "/healthz") == 200, 90, "the web server")
    wait_for(lambda: process.log.read_text().count("A web process is ready") == 2, 90, "both of its processes")
    yield process
    process.terminate()  # so that it ends its workers too
    process.wait(60)


def ask(web, path: str) -> int:
    try:
        return urllib.request.urlopen(web.base + path, timeout=60).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'django_migrations'::regclass"


def test_asked_to_stop_it_ends_the_request_it_has_and_takes_no_other(web, settings):
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(ask(web, "/readyz")))
    with psycopg.connect(settings.DATABASE_OWNER_URL) as owner, psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as looking:  # fmt: skip
        owner.execute("LOCK TABLE django_migrations IN ACCESS EXCLUSIVE MODE")
        asking.start()
        wait_for(lambda: looking.execute(WAITING).fetchone(), 30, "the request to wait for the database")
        web.send_signal(signal.SIGTERM)
        wait_for(lambda: not listens(web), 10, "the server to take no more connections")
        assert web.poll() is None and answers == []
    asking.join(30)
    assert answers == [200]
    assert web.wait(30) == 0
    assert [line for line in web.log.read_text().splitlines() if not isinstance(json.loads(line), dict)] == []


def listens(web) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(web.base.rsplit(":", 1)[1]))) == 0


def test_a_killed_server_leaves_nothing_that_goes_on_serving(web):
    workers = children_of(web.pid)
    assert len(workers) == 2
    web.kill()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 10, "its workers to be gone")
    assert not listens(web)


def test_a_server_killed_while_its_workers_begin_leaves_nothing_either(django_db_setup, tmp_path):
    env = os.environ | {"EINSTEIN_PORT": str(free_port())}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "manage.py", "web"], cwd=ROOT, env=env, stdout=log, stderr=log)
    wait_for(lambda: len(children_of(process.pid)) == 2, 60, "its workers to begin")
    workers = children_of(process.pid)
    process.kill()
    process.wait(10)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 60, "its workers to be gone")


def test_what_supervises_leaves_nothing_behind_when_it_is_killed():
    code = (
        "import os, time; os.environ['DJANGO_SETTINGS_MODULE'] = 'einstein.settings'\n"
        "from einstein.serve import Child; child = Child('sleeper', ['sleep', '60']); child.start()\n"
        "print(child.process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as supervisor:
        child = Path(f"/proc/{int(supervisor.stdout.readline())}")
        assert child.exists()
        supervisor.kill()
    wait_for(lambda: not child.exists(), 10, "its child to be gone")


def test_what_supervises_lives_on_when_what_it_says_goes_to_a_full_disk():
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'einstein.settings'\n"
        "from einstein.serve import say; say('one'); say('two'); print('alive', file=sys.stderr); os._exit(0)"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.stderr == "alive\n"


def test_what_cannot_be_started_again_now_is_tried_again(monkeypatch):
    stop, child = threading.Event(), Child("never there", ["true"])
    child.process = subprocess.Popen(["true"])
    tries = []

    def no_memory() -> None:
        tries.append(1)
        if len(tries) == 3:
            stop.set()
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(child, "start", no_memory)
    monkeypatch.setattr(serve, "RESTART_PAUSE", 0)
    serve.supervise([child], stop)
    assert len(tries) == 3


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_role_that_could_walk_through_the_walls_starts_nothing(settings):
    for command in (["web"], ["clock"], ["work", "train"]):
        env = os.environ | {"DATABASE_URL": settings.DATABASE_OWNER_URL}
        refused = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=env, capture_output=True, text=True
        )
        assert (refused.returncode, "owns the tables" in refused.stderr, "Traceback" in refused.stderr) == (
            1,
            True,
            False,
        )


def probe(port: str, public: str) -> int:
    env = os.environ | {"EINSTEIN_PORT": port, "EINSTEIN_PUBLIC_URL": public}
    return subprocess.run([sys.executable, "-m", "einstein.probe"], cwd=ROOT, env=env, capture_output=True).returncode


def test_the_health_check_of_a_container_asks_under_the_public_name(web):
    port = web.base.rsplit(":", 1)[1]
    wait_for(lambda: probe(port, "http://localhost") == 0, 60, "both workers of the web server")
    assert probe(port, "http://unknown.example") == 1
