"""What the installation stands on may be away for a while: the database, the file store, room on a disk. A Run that meets it waits and is tried again."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.db import Error, close_old_connections
from django.db.models import F
from django.db.models.functions import Now

from apps.runs.lease import LeaseLost, Work
from apps.runs.models import Run
from einstein.outages import outage_of

logger = logging.getLogger("einstein.runs")
WAITS = [15, 60, 300, 900, 3600, 3600]  # seconds before each new try: a restart first, then what somebody has to mend
RECONNECT_SECONDS = 2.0


def wait_out(work: Work, error: BaseException) -> str | None:
    """Hand the Run back for later when `error` comes from an outage; what to say at last when it was tried often enough, else None.

    Raises `error` again when it is no outage. A Run that cannot even be handed back is taken from us when its lease ends.
    """
    sentence = outage_of(error)
    if sentence is None:
        raise error
    logger.warning("run %s (%s) of workspace %s: %s", work.run_id, work.kind, work.workspace_id, sentence)
    until = time.monotonic() + settings.LEASE_SECONDS
    while True:
        try:
            return None if _handed_back(work, sentence) else f"{sentence} It was tried {len(WAITS) + 1} times."
        except LeaseLost:
            return None
        except Error:
            if time.monotonic() > until:
                logger.warning("run %s: the database stays away; the clock takes the Run back", work.run_id)
                return None
            close_old_connections()
            time.sleep(RECONNECT_SECONDS)


def _handed_back(work: Work, sentence: str) -> bool:
    """Whether it may be tried once more. It was nobody's fault, so it does not count among the tries of a Run that kills its worker."""
    with work.fenced():
        run = Run.objects.get(id=work.run_id)
        if run.outages >= len(WAITS) or run.cancel_requested:
            return False
        Run.objects.filter(id=run.id).update(
            state="queued", lease=F("lease") + 1, attempts=F("attempts") - 1, outages=F("outages") + 1, error=sentence, stages=[], progress={},
            due_at=Now() + timedelta(seconds=WAITS[run.outages]),
        )  # fmt: skip
        return True
