"""Work waits too long: the oldest due Run of a queue is older than `EINSTEIN_QUEUE_AGE_SECONDS`, though workers take some."""

from django.conf import settings
from django.db import connection

from apps.monitoring.faults import Fault
from apps.monitoring.faults.workers_gone import GONE_SECONDS


def see() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT queue, runs, seconds FROM waiting_by_queue(%s) WHERE taken > 0", [GONE_SECONDS])
        late = [row for row in cursor.fetchall() if row[2] > settings.QUEUE_AGE_SECONDS]
    return " ".join(
        f"In the queue {queue} {runs:,} wait, the oldest for {seconds / 60:.0f} minutes."
        for queue, runs, seconds in late
    )


FAULT = Fault(
    kind="queue_old",
    title="Work waits too long",
    advice="There is more work than workers. Start more, or see at /console/ which workspace has the most, and pause it if it is at fault.",
    order=4,
    see=see,
    holds=300,
    calm=600,
)
