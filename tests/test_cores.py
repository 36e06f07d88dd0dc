"""Processes that share a host's cores have one thread each for their numbers; trainings take what they are given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from einstein.cores import THREADS, environment_of_small_work, environment_of_worker
from tests.conftest import ROOT
from tests.e2e.stack import wait_for


@pytest.fixture(autouse=True)
def nobody_says_otherwise(monkeypatch):
    monkeypatch.delenv(THREADS, raising=False)


def test_small_work_has_one_thread_a_process_and_what_is_large_all():
    assert environment_of_worker("interactive")[THREADS] == "1"
    assert [THREADS in environment_of_worker(queue) for queue in ("train", "large")] == [False, False]


def test_whoever_runs_the_installation_may_say_otherwise(monkeypatch):
    monkeypatch.setenv(THREADS, "3")
    assert environment_of_small_work() == {THREADS: "3"}


@pytest.mark.parametrize("command", [["work", "interactive"], ["web"]], ids=" ".join)
def test_a_process_that_is_started_by_hand_keeps_to_it(django_db_setup, command, tmp_path):
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "manage.py", *command], cwd=ROOT, stdout=log, stderr=log)
    try:
        wait_for(lambda: f"{THREADS}=1" in environment_of(process.pid), 60, "it to have started over")
        assert process.poll() is None
    finally:
        process.kill()  # it has begun nothing yet that would have to end first, and takes its children with it
        process.wait(60)


def environment_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")
