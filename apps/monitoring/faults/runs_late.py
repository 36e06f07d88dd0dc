"""Planned runs are not picked up: customers' predictions have no new scores, because no worker takes the runs."""

from django.db import connection

from apps.monitoring.faults import Fault
from einstein.web.templatetags.words import plural


def see() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspaces, predictions FROM late_runs()")
        workspaces, predictions = cursor.fetchone()
    who = f"{predictions:,} {plural('prediction', predictions)} of {workspaces:,} {plural('workspace', workspaces)}"
    sees = f"{who} {'has' if predictions == 1 else 'have'} had no new scores, because no worker picks up the runs."
    return sees if predictions else ""


FAULT = Fault(
    kind="runs_late",
    title="Planned runs are not picked up",
    advice="The background workers have probably stopped. Start them; waiting runs are then done by themselves.",
    order=2,
    see=see,
)
