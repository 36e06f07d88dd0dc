"""Processes that work side by side share the cores of their host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from einstein import cores
from einstein.cores import THREADS
from tests.conftest import ROOT
from tests.e2e.stack import free_port, wait_for


@pytest.fixture(autouse=True)
def nobody_says_otherwise(monkeypatch):
    monkeypatch.delenv(THREADS, raising=False)


@pytest.fixture
def machine(monkeypatch, tmp_path, settings):
    """A machine of so many cores with so many interactive workers."""

    def of(count: int, workers: int, limit: str = "max 100000") -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(count)), raising=False)
        (tmp_path / "cpu.max").write_text(limit)
        monkeypatch.setattr(cores, "LIMIT", tmp_path / "cpu.max")
        settings.WORKERS = {"interactive": workers, "train": 1, "large": 1}

    return of


@pytest.mark.parametrize(("count", "workers", "threads"), [(2, 2, "1"), (8, 2, "4"), (2, 8, "1"), (8, 0, "8")])
def test_interactive_workers_share_the_cores(machine, count, workers, threads):
    machine(count, workers)
    assert cores.environment_of_worker("interactive")[THREADS] == threads


@pytest.mark.parametrize(("limit", "threads"), [("200000 100000", "1"), ("600000 100000", "3"), ("30000 100000", "1")])
def test_a_container_has_the_cores_that_it_is_allowed(machine, limit, threads):
    machine(64, 2, limit)
    assert cores.environment_of_worker("interactive")[THREADS] == threads


def test_trainings_and_large_tables_take_what_they_find(machine):
    machine(8, 2)
    assert [cores.environment_of_worker(queue) for queue in ("train", "large")] == [{"Q_CLUSTER_NAME": "train"}, {"Q_CLUSTER_NAME": "large"}]  # fmt: skip


def test_a_web_process_has_one_thread_a_request(machine):
    machine(8, 2)
    assert cores.environment_of_web() == {THREADS: "1"}


def test_whoever_runs_the_installation_may_say_otherwise(machine, monkeypatch):
    machine(8, 2)
    monkeypatch.setenv(THREADS, "3")
    assert cores.environment_of_web()[THREADS] == cores.environment_of_worker("interactive")[THREADS] == "3"


@pytest.mark.parametrize("command", [["work", "interactive"], ["web"]], ids=" ".join)
def test_a_process_that_is_started_by_hand_keeps_to_it(django_db_setup, command, tmp_path):
    wanted = cores.environment_of_web() if command == ["web"] else cores.environment_of_worker("interactive")
    env = os.environ | {"EINSTEIN_PORT": str(free_port())}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "manage.py", *command], cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        wait_for(lambda: f"{THREADS}={wanted[THREADS]}" in environment_of(process.pid), 60, "it to have started over")
        assert process.poll() is None
    finally:
        process.kill()  # it has begun nothing yet that would have to end first, and takes its children with it
        process.wait(60)


def environment_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")
