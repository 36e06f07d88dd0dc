"""Debian's libfaketime, for processes whose host has a wrong clock. The one for several threads: the program `faketime` preloads another."""

from __future__ import annotations

import subprocess


def faketime() -> str:
    """What to put into LD_PRELOAD."""
    listed = subprocess.run(["dpkg", "-L", "libfaketime"], capture_output=True, text=True, check=True).stdout.split()
    [found] = [line for line in listed if line.endswith("libfaketimeMT.so.1")]
    return found
