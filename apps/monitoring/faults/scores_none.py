"""No scoring has succeeded anywhere for a while, though some were owed: they failed, or wait."""

from django.db import connection

from apps.monitoring.faults import Fault

SINCE = 3600  # seconds; plans are hourly at the most often
LEAST_WORKSPACES = 2  # one customer's failing data is hers


def see() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT succeeded, failed, failed_workspaces, waiting FROM scorings_since(%s)", [SINCE])
        succeeded, failed, workspaces, waiting = cursor.fetchone()
    if succeeded or not (waiting or workspaces >= LEAST_WORKSPACES):
        return ""
    return f"No scoring has succeeded within an hour; {failed:,} failed and {waiting:,} wait for as long."


FAULT = Fault(
    kind="scores_none",
    title="Nobody gets new scores",
    advice="See at /console/failures/ why scorings fail, and at /console/drains/ whether work is handed out at all.",
    order=5,
    see=see,
    holds=300,
    calm=600,
)
