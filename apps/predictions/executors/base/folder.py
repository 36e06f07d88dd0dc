"""Where a training has its files while it runs."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

PREFIX = f"einstein-train-{socket.gethostname()}-"  # containers may share a folder, and count their processes each for itself


@contextmanager
def job_folder() -> Iterator[Path]:
    """An empty folder that is gone afterwards; so are those of processes that were killed and could not remove theirs."""
    for old in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        if not psutil.pid_exists(int(old.name.removeprefix(PREFIX).split("-")[0])):
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as folder:
        yield Path(folder)
