"""`make bench-due`: finding and telling 100 late runs among 100,000 watched predictions against the same among 1,000, in one run: seconds and
queries of the clock's own duty. Limit: twice, in the median of the rounds."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta

from bench.flow.installation import begin, workspace_of_its_own

FEW, MANY, DUE, ROUNDS, LIMIT = 1_000, 100_000, 100, 5, 2.0
PART = 5_000


def main() -> int:
    begin()
    user, workspace = workspace_of_its_own()
    measured = {}
    for size in (FEW, MANY):
        _grow(workspace, user, size)
        measured[size] = [_round(workspace) for _ in range(ROUNDS + 1)][1:]
        seconds, queries = ([part[place] for part in measured[size]] for place in range(2))
        print(
            f"{size:>7,} watched      {min(seconds):.2f}/{statistics.median(seconds):.2f}/{max(seconds):.2f} s, {statistics.median(queries):,.0f} queries for {DUE} late runs"
        )
    _leave(workspace)
    ratios = [
        statistics.median(part[place] for part in measured[MANY])
        / statistics.median(part[place] for part in measured[FEW])
        for place in range(2)
    ]
    print(f"ratio                {ratios[0]:.2f} in time, {ratios[1]:.2f} in queries (limit {LIMIT})")
    return int(max(ratios) > LIMIT)


def _grow(workspace: object, user: object, size: int) -> None:
    """Watched predictions up to `size`, none of them due."""
    from django.db import connection
    from django.utils import timezone

    from apps.datasets.models import Dataset
    from apps.monitoring.models import Watch
    from apps.predictions.models import Prediction
    from apps.workspaces.scope import workspace_scope

    later = timezone.now() + timedelta(hours=5)
    with workspace_scope(workspace.id):
        dataset, _ = Dataset.objects.get_or_create(name="Watched", defaults={"key_field": "id", "owner": user})
        there = Prediction.objects.count()
        for start in range(there, size, PART):
            made = Prediction.objects.bulk_create(
                Prediction(
                    workspace_id=workspace.id,
                    name=f"Watched {number}",
                    dataset=dataset,
                    state="active",
                    next_run_at=later,
                    owner=user,
                )
                for number in range(start, min(start + PART, size))
            )
            Watch.objects.bulk_create(
                Watch(workspace_id=workspace.id, prediction=one, next_check_at=later) for one in made
            )
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM monitoring_watch")


def _leave(workspace: object) -> None:
    """Nothing of it stays for the other benches to wade through."""
    from django.db import connection

    from apps.workspaces.scope import workspace_scope

    with workspace_scope(workspace.id), connection.cursor() as cursor:
        for table in (
            "monitoring_notice",
            "monitoring_incidentevent",
            "monitoring_alert",
            "monitoring_incident",
            "monitoring_watch",
            "predictions_prediction",
        ):
            cursor.execute(f"DELETE FROM {table} WHERE workspace_id = %s", [workspace.id])


def _round(workspace: object) -> tuple[float, int]:
    """(seconds, queries) of one look of the clock when 100 runs are late."""
    from django.db import connection
    from django.utils import timezone

    from apps.monitoring.models import Alert, Incident, Watch
    from apps.monitoring.watch import check_due
    from apps.predictions.models import Prediction
    from apps.workspaces.scope import workspace_scope

    now = timezone.now()
    with workspace_scope(workspace.id):
        Incident.objects.all().delete()
        chosen = list(Prediction.objects.order_by("id").values_list("id", flat=True)[:DUE])
        Prediction.objects.filter(id__in=chosen).update(
            last_slot_at=now - timedelta(hours=3), next_run_at=now + timedelta(hours=5)
        )
        Watch.objects.filter(prediction_id__in=chosen).update(next_check_at=now)
    asked = [0]

    def count(execute: Callable, sql: str, params: object, many: bool, context: dict) -> object:
        asked[0] += 1
        return execute(sql, params, many, context)

    began = time.perf_counter()
    with connection.execute_wrapper(count):
        assert check_due() == DUE
    seconds = time.perf_counter() - began
    with workspace_scope(workspace.id):
        assert Alert.objects.filter(check_kind="scores_produced", state="open").count() == DUE
    return seconds, asked[0]


if __name__ == "__main__":
    sys.exit(main())
