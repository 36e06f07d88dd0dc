"""Files that no row speaks of: a worker stored them and was killed, or what they were kept for is over."""

from __future__ import annotations

import logging
import math
import os
from datetime import timedelta
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.db import connection

from apps.outbox.models import Sending
from apps.runs.models import Run
from apps.workspaces.scope import workspace_scope
from apps.workspaces.tenancy import TenantModel, key_columns
from einstein import storage
from einstein.postgres import moment

logger = logging.getLogger("einstein.clean")
YOUNGEST = timedelta(days=1)  # a file is stored before its row is written; no Run takes so long (six hours at most)
# Keys that stand within JSON: what a delivery was undone with, and files to take away.
WITHIN: dict[type[TenantModel], tuple[str, ...]] = {Sending: ("facts", "outcome"), Run: ("params", "outcome")}


def sweep(workspace_id: int) -> int:
    """Remove a workspace's files that are older than a day and that no row speaks of; return how many."""
    # Listed before rows are asked: what is named later is not in it.
    old = storage.keys_older_than(storage.key_for(workspace_id), YOUNGEST)
    with workspace_scope(workspace_id):
        known = named(workspace_id)
    lost = [key for key in old if not is_named(key, known)]
    for key in lost:
        storage.delete(key)
    if lost:
        logger.warning("workspace %s: %s files that nothing speaks of were removed", workspace_id, len(lost))
    return len(lost)


def sweep_incoming() -> int:
    """Remove uploads that a killed web process left on their way, on this machine; return how many."""
    limit = moment.now().timestamp() - YOUNGEST.total_seconds()
    left = [file for file in os.scandir(settings.FILE_UPLOAD_TEMP_DIR) if _stored_at(file) < limit]
    for file in left:
        Path(file.path).unlink(missing_ok=True)
    return len(left)


def _stored_at(file: os.DirEntry) -> float:
    """Seconds since 1970; an upload that ended meanwhile is not left."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def named(workspace_id: int) -> set[str]:
    """Every storage key that a row of the workspace in scope speaks of."""
    found: set[str] = set()
    for model, column in key_columns():
        found |= set(model.objects.exclude(**{column: ""}).values_list(column, flat=True))
    prefix = f"{storage.key_for(workspace_id)}/"
    path = '$.** ? (@.type() == "string" && @ starts with $home)'
    with connection.cursor() as cursor:
        for model, columns in WITHIN.items():
            for column in columns:
                cursor.execute(
                    f"SELECT DISTINCT key #>> '{{}}' FROM \"{model._meta.db_table}\" t, "
                    f"jsonb_path_query(t.{column}, %s::jsonpath, jsonb_build_object('home', %s::text)) key WHERE t.workspace_id = %s AND t.{column} <> '{{}}'",
                    [path, prefix, workspace_id],
                )
                found |= {row[0] for row in cursor.fetchall()}
    return found


def is_named(key: str, known: set[str]) -> bool:
    """A key may name a folder."""
    place = PurePosixPath(key)
    return not known.isdisjoint(map(str, (place, *place.parents)))
