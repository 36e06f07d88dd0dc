"""What a worker had in temporary files goes when it is killed, though nobody asked it to tidy up."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from tests.e2e.stack import Stack, wait_for


def folders(stack: Stack, words: str) -> dict[int, Path]:
    """The folder for temporary files of each process of the stack that has one, by its number."""
    found = {}
    for pid in stack.pids(words):
        with contextlib.suppress(OSError):  # it has just ended
            places = [Path(os.readlink(opened)) for opened in Path(f"/proc/{pid}/fd").iterdir()]
            found.update((pid, place) for place in places if place.parent == stack.temporary)
    return found


def test_the_files_of_a_killed_worker_are_removed_by_the_one_that_takes_its_place(stack):
    for words in ("manage.py work train", "granian", "manage.py clock"):
        wait_for(lambda words=words: folders(stack, words), 60, f"a folder of {words}")
    wait_for(lambda: len(folders(stack, "manage.py work interactive")) == 2, 60, "a folder of each worker")
    (killed, left), (_, kept) = sorted(folders(stack, "manage.py work interactive").items())
    for folder in (left, kept):
        (folder / "records.csv").write_text("Anna;anna@people.example")
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: not left.exists(), 30, "what it left to be removed")
    assert (kept / "records.csv").exists()
    wait_for(lambda: len(folders(stack, "manage.py work interactive")) == 2, 30, "another worker in its place")
