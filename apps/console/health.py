"""What machines ask: does the process live, can it serve, and how is the fleet (Prometheus)."""

from __future__ import annotations

import secrets
from functools import lru_cache

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from apps.console.fleet import fleet
from apps.console.room import room
from einstein import storage

HELP = {
    "runs_waiting": "runs that are due and wait for a worker, by queue",
    "runs_running": "runs that are being done, by queue",
    "oldest_waiting_seconds": "how long the oldest due run has waited, by queue",
    "runs_ended_hour": "runs that ended within the last hour, by kind",
    "runs_failed_hour": "runs that failed within the last hour, by kind",
    "predictions": "predictions, by state",
    "workspaces": "workspaces",
    "workspaces_paused": "workspaces that operators have paused",
    "alerts_open": "open alerts, by severity",
    "mail_waiting": "e-mails that wait to be sent",
    "mail_given_up_day": "e-mails given up within a day",
    "deliveries_waiting": "deliveries that wait, by state",
    "disk_free_bytes": "free space, by what lies on the disk",
    "disk_total_bytes": "size, by what lies on the disk",
    "disk_full_in_days": "days until a disk is full at this rate, where that is within two years",
    "stored_bytes": "what takes the room, by kind, as of today",
    "backup_age_seconds": "how long ago the last good backup was begun",
}


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. It says nothing of the database, so that a restart of that does not restart everything."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether this process can serve: its database answers and is migrated, its file store can be written. 503 says what is wrong."""
    checks = {"database": _database(), "files": _files()}
    status = 200 if not any(checks.values()) else 503
    body = {"ready": status == 200, "checks": {name: fault or "ok" for name, fault in checks.items()}}
    return JsonResponse(body, status=status)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        _refuse_unmigrated()
    except DatabaseError:
        return "cannot be reached"
    except NotMigrated as problem:
        return str(problem)
    return ""


class NotMigrated(Exception):
    """The schema is older than this code."""


@lru_cache(maxsize=1)
def _refuse_unmigrated() -> None:
    """Raise `NotMigrated`; once all is applied it stays so, and is not looked up again."""
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        raise NotMigrated(f"{len(waiting)} migrations are not applied")


def _files() -> str:
    try:
        storage.probe()
    except OSError:
        return "cannot be written"
    return ""


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The fleet's figures in Prometheus' text format 0.0.4, for who has the token; without one set the page does not exist."""
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    given = request.headers.get("Authorization", "")
    if not settings.METRICS_TOKEN or not secrets.compare_digest(given.encode(), wanted.encode()):
        raise Http404
    found = fleet()
    figures = found.figures | room().figures
    lines = []
    for name, words in HELP.items():
        lines += [f"# HELP einstein_{name} {words}", f"# TYPE einstein_{name} gauge"]
        lines += [
            f'einstein_{name}{{of="{label}"}} {value:g}' if label else f"einstein_{name} {value:g}"
            for label, value in sorted(figures.get(name, {}).items())
        ]
    lines += [
        "# HELP einstein_clock_lives whether the clock has shown a sign of life lately",
        "# TYPE einstein_clock_lives gauge",
        f"einstein_clock_lives {int(found.clock_lives)}",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")
