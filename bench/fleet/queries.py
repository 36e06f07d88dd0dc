"""How many statements a company's night sends to the database, counted in this process: the workers' own are not to be asked."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg


def count_of_one_night(owner_url: str, workspace_id: int) -> Counter[str]:
    """Statements by what sent them: a kind of Run, "plan", "claim" or "check". The workers must be stopped; the company's file must be there."""
    from django.db import connection

    from apps.monitoring.watch import check_due
    from apps.pipeline.clock import plan
    from apps.pipeline.story import perform
    from apps.runs.lease import claim_next

    sent: Counter[str] = Counter()
    part = "plan"

    def counted(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        sent[part] += 1
        return execute(sql, params, many, context)

    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("UPDATE datasets_source SET next_run_at = now() WHERE workspace_id = %s", [workspace_id])
    with connection.execute_wrapper(counted):
        done, more = 0, True
        while more:
            before, part = done, "plan"
            plan()
            part = "claim"
            while (work := claim_next("interactive")) is not None:
                part, done = work.kind, done + 1
                perform(work)
                part = "claim"
            more = done > before
        part = "check"
        check_due()
    return sent
