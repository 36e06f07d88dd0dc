"""What the installation stands on may be away for a while: the database, the file store, room on a disk. A Run that meets it waits and is tried again."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import Error, close_old_connections
from django.db.models import F
from django.db.models.functions import Now

from apps.runs.lease import LeaseLost, Work
from apps.runs.models import Run
from einstein import disk
from einstein.outages import outage_of
from einstein.postgres import moment

logger = logging.getLogger("einstein.runs")
WAITS = [15, 60, 300, 900, 3600, 3600]  # seconds before each new try: a restart first, then what somebody has to mend
RECONNECT_SECONDS = 2.0
ROOM_SECONDS = 600


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
    """Whether it may be tried once more. It was nobody's fault, so it does not count among the tries of a Run that kills its worker.

    For room above the floor it waits as often as it takes: nothing is broken, and somebody has been told to make some.
    """
    endless = sentence == disk.NO_ROOM
    with work.fenced():
        run = Run.objects.get(id=work.run_id)
        if run.cancel_requested or (run.outages >= len(WAITS) and not endless):
            return False
        wait, counted = (ROOM_SECONDS, 0) if endless else (WAITS[run.outages], 1)
        Run.objects.filter(id=run.id).update(
            state="queued", lease=F("lease") + 1, attempts=F("attempts") - 1, outages=F("outages") + counted, error=sentence, progress={},
            stages=_waiting() if endless else [], due_at=Now() + timedelta(seconds=wait),
        )  # fmt: skip
        return True


def _waiting() -> list[dict[str, Any]]:
    detail = "It goes on by itself once your operator has made room."
    return [{"name": "Wait for room on the disk", "detail": detail, "started": moment.now().timestamp()}]
