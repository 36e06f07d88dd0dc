"""The django-q entry point."""

from __future__ import annotations

import gc
import time
from functools import cache

from apps.pipeline import story
from apps.runs.lease import claim, claim_next

KEEP_ON_SECONDS = 5.0  # short, so that a worker that is asked to stop stops


def perform(workspace_id: int, run_id: int, queue: str | None = None) -> None:
    """Claim the Run and do it; a Run that is taken or ended already is left alone.

    Where a `queue` is named, go on for a while with what is due there: handing over each of many small Runs would take as long as they do.
    """
    until = time.monotonic() + KEEP_ON_SECONDS
    work = claim(workspace_id, run_id) or (claim_next(queue) if queue else None)
    while work is not None:
        story.perform(work)
        _spare_the_collector()
        work = claim_next(queue) if queue and time.monotonic() < until else None


@cache
def _spare_the_collector() -> None:
    """Once in a process, after its first Run has imported what Runs need: that stays, so it need not be looked through for garbage again and again."""
    gc.collect()
    gc.freeze()
