"""Temporary files go with their process, also when it is killed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from einstein import temporary
from einstein.temporary import PREFIX, use_own_folder
from tests.conftest import ROOT
from tests.left_behind import left_behind

HOLDS_RECORDS = """
import sys, tempfile
from einstein import temporary
from einstein.temporary import use_own_folder
use_own_folder()
folder = tempfile.mkdtemp()
open(f"{folder}/records.csv", "w").write("Anna;anna@people.example")
print(folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder for temporary files, of this process and of those it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("einstein.temporary._locks", {})
    return tmp_path


@pytest.fixture
def begin(place):
    """Start a process that holds records in a temporary file, and say where."""
    begun = []

    def start() -> tuple[subprocess.Popen, Path]:
        command = [sys.executable, "-c", HOLDS_RECORDS]
        process = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        begun.append(process)
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def test_what_a_killed_process_left_is_removed_by_the_next_and_nothing_else(place, begin):
    (place / "of-somebody-else").mkdir()
    (killed, left), (_, kept) = begin(), begin()
    killed.kill()
    killed.wait()
    assert (left / "records.csv").exists()
    assert left_behind(place) == sorted(["of-somebody-else", left.parent.name])
    begin()
    assert not left.parent.exists()
    assert (kept / "records.csv").exists()
    assert left_behind(place) == ["of-somebody-else"]


def test_a_long_lived_process_removes_what_others_left_whenever_it_asks_for_its_folder(place, begin):
    own = use_own_folder()
    killed, left = begin()
    killed.kill()
    killed.wait()
    assert use_own_folder() == own
    assert not left.exists()


def test_a_forked_process_gets_a_folder_beside_that_of_its_parent(place):
    own = use_own_folder()
    assert Path(tempfile.mkdtemp()).parent == own
    told, tell = os.pipe()
    if (child := os.fork()) == 0:
        os.write(tell, os.fsencode(use_own_folder()))
        os._exit(0)
    os.waitpid(child, 0)
    of_child = Path(os.fsdecode(os.read(told, 4096)))
    os.close(told)
    os.close(tell)
    assert of_child != own
    assert of_child.parent == own.parent == place
    assert {path.name for path in place.glob(f"{PREFIX}*")} == {own.name, of_child.name}


def test_a_folder_that_is_taken_for_one_left_while_it_is_made_is_made_anew(place, monkeypatch):
    taken = []

    def make_one_that_goes(**options) -> str:
        folder = mkdtemp(**options)
        if not taken:
            os.rmdir(folder)
            taken.append(folder)
        return folder

    mkdtemp = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", make_one_that_goes)
    assert use_own_folder().is_dir()
    assert str(use_own_folder()) not in taken


def test_the_system_that_empties_its_folder_passes_by_that_of_a_living_process(place, begin, tmp_path_factory):
    (place / "of-somebody-gone").mkdir()
    _, held = begin()
    rule = tmp_path_factory.mktemp("rules") / "tmp.conf"
    rule.write_text(f"q {place} 1777 - - 1s\n")
    time.sleep(1.5)
    subprocess.run(["systemd-tmpfiles", "--clean", rule], check=True)
    assert not (place / "of-somebody-gone").exists()
    assert (held / "records.csv").exists()


@pytest.mark.parametrize("fault", [errno.ENOLCK, errno.EBADF, errno.EMFILE])
def test_on_a_disk_that_knows_no_locks_temporary_files_stay_where_they_were(place, monkeypatch, fault):
    def cannot(*_: object) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(temporary.fcntl, "flock", cannot)
    kept = place / f"{PREFIX}of-somebody"
    kept.mkdir()
    assert use_own_folder() == place
    assert list(place.iterdir()) == [kept]
