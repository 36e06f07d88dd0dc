"""The clock: hands out due Runs, takes back lost ones, plans scoring, runs the checks and sends the mail.

It needs no worker, so that it can still say that workers are gone. Several clocks may run; each row is taken once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from importlib import import_module

from django.apps import apps
from django.conf import settings
from django.db import close_old_connections, connection
from django.utils.module_loading import module_has_submodule

from apps.monitoring.disk import note_today
from apps.monitoring.installation import check_installation
from apps.monitoring.tell import tell_due
from apps.monitoring.watch import check_due
from apps.outbox.send import send_due
from apps.pipeline.clean import clean_due, clean_installation
from apps.pipeline.story import (
    after_failure,
    announce_alert,
    begin_delivering,
    begin_taking,
    begin_watching,
    plan_due_delivery,
    plan_due_refresh,
    plan_due_scoring,
)
from apps.pipeline.usage import measure_usage
from apps.runs.queue import dispatch_due, recover_expired
from apps.workspaces.erase import erase_due
from einstein.logs import about

logger = logging.getLogger("einstein.clock")
BATCH = 200
Duty = tuple[str, Callable[[], object], float]  # its name, what is done, seconds of pause


def run_clock(stop: threading.Event) -> None:
    """Run every duty in a thread of its own until `stop`: a slow mail server delays no dispatch."""
    duties: list[Duty] = [
        ("dispatch", hand_out, 0.3),
        ("recover", take_back, 2.0),
        ("plan", plan, 1.0),
        ("check", check_due, min(1.0, settings.CHECK_SECONDS / 4)),
        ("tell", tell_due, min(1.0, settings.CHECK_SECONDS / 4)),
        ("installation", check_installation, min(10.0, settings.CHECK_SECONDS)),
        ("mail", send_due, 1.0),
        ("erase", erase_due, 60.0),
        ("usage", measure_usage, 5.0),
        ("disk", note_today, 60.0),
        ("clean", clean_due, 10.0),
        ("clean installation", clean_installation, 600.0),
    ]
    threads = [
        threading.Thread(target=_repeat, args=(name, duty, pause, stop), name=name)
        for name, duty, pause in [*duties, *duties_above()]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def duties_above() -> list[Duty]:
    """Duties of rooms above this one: the module `duties` of an app is found there and imported nowhere else."""
    rooms = [config for config in apps.get_app_configs() if config.name.startswith("apps.")]
    found = [import_module(f"{room.name}.duties") for room in rooms if module_has_submodule(room.module, "duties")]
    return [duty for module in found for duty in module.DUTIES]


def hand_out() -> None:
    for queue in settings.WORKERS:
        dispatch_due(queue)


def take_back() -> None:
    for workspace_id, run_id, state in recover_expired():
        logger.warning("run %s lost its worker; it is %s now", run_id, state)
        if state != "queued":
            after_failure(workspace_id, run_id)


def plan() -> None:
    """Plan what is new, then queue what is due."""
    duties = (
        ("unplanned_predictions", begin_watching),
        ("due_predictions", plan_due_scoring),
        ("due_sources", plan_due_refresh),
        ("datasets_with_batches", begin_taking),
        ("due_deliveries", plan_due_delivery),
        ("unannounced_alerts", announce_alert),
        ("waiting_destinations", begin_delivering),
    )
    for door, deed in duties:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT workspace_id, id FROM {door}(%s)", [BATCH])
            found = cursor.fetchall()
        for workspace_id, row_id in found:
            deed(workspace_id, row_id)


def _repeat(name: str, duty: Callable[[], object], pause: float, stop: threading.Event) -> None:
    with about(duty=name):
        while not stop.wait(pause):
            try:
                duty()
            except Exception:
                logger.exception("the clock's duty %r failed; it goes on", name)
                close_old_connections()
                time.sleep(1)
    connection.close()
