"""`make bench-pages`: pages of a workspace that is two years old (200 fields looked at daily, 300 predictions, 400 incidents) against a page with
nothing in it, in turns in the same run through the whole HTTP stack at 4 connections. Limits: the monitoring page weighs under 1 MB and costs
the same number of queries as with a tenth of the history; no page's p95 is more than 12 times the empty page's."""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Callable

import numpy as np

from bench.flow.installation import begin, workspace_of_its_own
from bench.pages import big_workspace
from bench.server import load, serve

CONNECTIONS, ROUNDS, CALLS, PORT = 4, 3, 80, 8978
MOST_BYTES, LIMIT = 1_000_000, 12.0
PAGES = {
    "home": "", "predictions": "predictions/", "health": "health/", "alerts": "alerts/", "monitoring": "predictions/{p}/monitoring/",
    "monitoring, 2 years": "predictions/{p}/monitoring/?period=730", "all 200 fields, 2 years": "predictions/{p}/monitoring/fields/?period=730",
    "two periods compared": "predictions/{p}/monitoring/compare/", "alert settings": "predictions/{p}/monitoring/settings/",
}  # fmt: skip


def main() -> int:
    os.environ["EINSTEIN_STATIC_BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    begin()
    user, workspace = workspace_of_its_own()
    prediction = big_workspace.fill(workspace, user)
    cookie = logged_in(user)
    paths = {name: f"/w/{workspace.slug}/{path.format(p=prediction)}" for name, path in PAGES.items()}
    failed = _judge_queries(workspace, user, paths)
    server = serve("bench.pages.wsgi:application", PORT)
    try:
        empty = f"/w/{workspace.slug}/empty/"
        _times(empty, cookie)
        for name, path in paths.items():
            failed |= _measure(name, path, empty, cookie)
    finally:
        server.terminate()
        server.wait(20)
        leave(workspace)
    return int(failed)


def logged_in(user: object) -> str:
    from django.test import Client

    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"


def _judge_queries(workspace: object, user: object, paths: dict[str, str]) -> bool:
    """The queries of each page now and with a tenth of the looks; they must be the same."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    settings.ALLOWED_HOSTS = ["*"]
    client = Client()
    client.force_login(user)

    def count(path: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200, path
        return len(asked)

    for path in paths.values():
        count(path)  # templates and content types are read once
    counted = lambda: {name: count(path) for name, path in paths.items()}  # noqa: E731
    whole, few = (
        _with_looks(workspace, big_workspace.DAYS, counted),
        _with_looks(workspace, big_workspace.DAYS // 10, counted),
    )
    for name in paths:
        print(f"{name:26} {whole[name]} queries with 730 looks, {few[name]} with 73")
    return whole != few


def _with_looks(workspace: object, days: int, act: Callable[[], dict[str, int]]) -> dict[str, int]:
    """Act while older looks are put aside; they come back."""
    from django.db import transaction

    from apps.monitoring.models import Look
    from apps.workspaces.scope import workspace_scope

    class Undo(Exception):
        pass

    found: dict[str, int] = {}
    try:
        with transaction.atomic(), workspace_scope(workspace.id):
            Look.objects.exclude(number__gt=big_workspace.DAYS - days).delete()
            found = act()
            raise Undo
    except Undo:
        return found


def _measure(name: str, path: str, empty: str, cookie: str) -> bool:
    ratios, shown, size = [], [], 0
    for _ in range(ROUNDS):
        plain, _ = _times(empty, cookie)
        times, size = _times(path, cookie)
        ratios.append(float(np.percentile(times, 95) / np.percentile(plain, 95)))
        shown.append(float(np.percentile(times, 95)))
    ratio = statistics.median(ratios)
    print(f"{name:26} p95 {min(shown):.0f}/{statistics.median(shown):.0f}/{max(shown):.0f} ms, {min(ratios):.1f}/{ratio:.1f}/{max(ratios):.1f} times an empty page, {size / 1000:,.0f} kB")  # fmt: skip
    return ratio > LIMIT or size > MOST_BYTES


def _times(path: str, cookie: str) -> tuple[np.ndarray, int]:
    """(milliseconds of each call, bytes of one answer)."""
    return load(PORT, "GET", path, "", {"Cookie": cookie}, CALLS, CONNECTIONS)


def leave(workspace: object) -> None:
    """Nothing of it stays for the other benches to wade through."""
    from django.db import connection

    from apps.workspaces.scope import workspace_scope

    tables = (
        "monitoring_incidentevent",
        "monitoring_alert",
        "monitoring_incident",
        "monitoring_look",
        "monitoring_memory",
        "monitoring_watch",
        "scoring_scoringrun",
    )
    with workspace_scope(workspace.id), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {table} WHERE workspace_id = %s", [workspace.id])
        cursor.execute("UPDATE predictions_prediction SET state = 'archived' WHERE workspace_id = %s", [workspace.id])


if __name__ == "__main__":
    sys.exit(main())
