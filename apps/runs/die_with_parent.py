"""Ask Linux to kill this process when its parent dies, so that no orphan goes on working (prctl(2), PR_SET_PDEATHSIG)."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None) -> None:
    """Call it first thing in a child; later, `parent` says whose child it was, who may be dead by then.

    Elsewhere than on Linux it does nothing: there the lease alone protects.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = parent or os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
