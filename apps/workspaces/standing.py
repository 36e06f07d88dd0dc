"""What requests ask about their workspace again and again, remembered for some seconds: its own limits and its month."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import connection

from apps.workspaces.months import begin_of, month_after, month_of
from apps.workspaces.scope import current_workspace_id
from einstein.postgres import moment

REMEMBERED_SECONDS = 5.0
MOST_REMEMBERED = 10_000  # workspaces

ASK = """
SELECT w.timezone, (SELECT jsonb_object_agg(q.kind, q.value) FROM workspaces_quota q WHERE q.workspace_id = w.id)
  FROM workspaces_workspace w WHERE w.id = %s
"""


@dataclass(frozen=True)
class Standing:
    """`limits` are those that an operator set for this workspace; `asked` is of the monotonic clock."""

    zone: ZoneInfo
    limits: dict[str, int]
    asked: float

    @property
    def month(self) -> date:
        return month_of(moment.now(), self.zone)

    @property
    def begin(self) -> datetime:
        return begin_of(self.month, self.zone)

    @property
    def end(self) -> datetime:
        return begin_of(month_after(self.month), self.zone)


_remembered: dict[int, Standing] = {}


def standing() -> Standing:
    """Of the workspace in scope, at most some seconds old."""
    workspace_id = current_workspace_id()
    known = _remembered.get(workspace_id)
    if known is None or time.monotonic() - known.asked > REMEMBERED_SECONDS:
        if len(_remembered) > MOST_REMEMBERED:
            _remembered.clear()
        known = _remembered[workspace_id] = _asked(workspace_id)
    return known


def forget(workspace_id: int) -> None:
    """After a change, so that this process sees it at once; others do within seconds."""
    _remembered.pop(workspace_id, None)


def _asked(workspace_id: int) -> Standing:
    with connection.cursor() as cursor:
        cursor.execute(ASK, [workspace_id])
        zone, limits = cursor.fetchone()
    return Standing(ZoneInfo(zone), json.loads(limits or "{}"), time.monotonic())
