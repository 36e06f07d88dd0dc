"""No worker of a queue takes anything, while work waits for it: the group has stopped, or cannot reach the database."""

from django.db import connection

from apps.monitoring.faults import Fault

GONE_SECONDS = 120  # a living group takes due work within a second; a restart of it within a minute


def see() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT queue, runs, seconds FROM waiting_by_queue(%s) WHERE taken = 0", [GONE_SECONDS])
        gone = [row for row in cursor.fetchall() if row[2] > GONE_SECONDS]
    return " ".join(
        f"Nobody works on the queue {queue}: {runs:,} wait, the oldest for {seconds / 60:.0f} minutes."
        for queue, runs, seconds in gone
    )


FAULT = Fault(
    kind="workers_gone",
    title="No workers",
    advice="Start `manage.py work QUEUE` for that queue; what waits is then done by itself.",
    order=3,
    see=see,
    holds=60,
    calm=120,
)
