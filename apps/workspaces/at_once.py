"""How many long calls of one workspace a web process works on at once: others need its threads too. Quick calls are never refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from einstein.web.problems import TooMuch

LONG_SECONDS = 1.0
_lock = threading.Lock()
_begun: dict[int, list[float]] = {}


class Busy(TooMuch):
    """As many calls of the workspace as may be take long already."""

    default_code = "too_many_at_once"


@contextmanager
def one_of_few(workspace_id: int) -> Iterator[None]:
    """Work on one call; raises `Busy` while too many of the same workspace have been worked on for longer than a second."""
    began = time.monotonic()
    with _lock:
        running = _begun.setdefault(workspace_id, [])
        if sum(began - other > LONG_SECONDS for other in running) >= settings.LONG_CALLS_AT_ONCE:
            raise Busy("Calls of this workspace that take long are still being answered. Call again when they are.", 1)
        running.append(began)
    try:
        yield
    finally:
        with _lock:
            running.remove(began)
            if not running:
                del _begun[workspace_id]
