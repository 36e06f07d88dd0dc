"""Bytes in the file store: uploads, snapshots, models, score history, everything."""

from django.db import connection

from apps.workspaces.quota_kinds.base import Quota, in_bytes
from apps.workspaces.scope import current_workspace_id
from einstein import storage

# What was measured last, and what is known to have come since then. Asked at every intake, so it is one question.
USED = """
WITH last AS (SELECT used, measured_at FROM workspaces_usage WHERE workspace_id = %(w)s AND kind = 'stored_bytes'),
     since AS (SELECT COALESCE((SELECT measured_at FROM last), '-infinity') AS at)
SELECT COALESCE((SELECT used FROM last), 0)
     + COALESCE((SELECT sum(u.size) FROM datasets_upload u, since WHERE u.workspace_id = %(w)s AND u.uploaded_at > since.at), 0)
     + COALESCE((SELECT sum(s.bytes) FROM datasets_snapshot s, since WHERE s.workspace_id = %(w)s AND s.created_at > since.at), 0)
"""


def measure() -> int:
    """As the file store says; it is asked once an hour, never by a page."""
    return storage.size_below(storage.key_for(current_workspace_id()))


def used() -> int:
    with connection.cursor() as cursor:
        cursor.execute(USED, {"w": current_workspace_id()})
        return int(cursor.fetchone()[0])


QUOTA = Quota(
    "stored_bytes", "Stored files", "store", in_bytes, 50 * 1024**3, used, "Delete datasets that nobody needs any more", order=10, measure=measure
)  # fmt: skip
