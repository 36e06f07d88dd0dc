from importlib import import_module

from django.db import migrations

from apps.workspaces.doors import door

# As before, and how full the fullest quota of each workspace is.
BEFORE = import_module("apps.console.migrations.0002_operators").WORKSPACES
USAGE = """), usage AS (
    SELECT workspace_id, max(used::float / GREATEST(most, 1)) AS share FROM workspace_usage(kinds, defaults, NULL) GROUP BY 1
)
SELECT w.id,"""
WORKSPACES = (
    BEFORE.replace(")\nSELECT w.id,", USAGE)
    .replace("w.paused_at, w.created_at", "w.paused_at, w.created_at, COALESCE(s.share, 0)")
    .replace(" WHERE sought = ''", "  LEFT JOIN usage s ON s.workspace_id = w.id\n WHERE sought = ''")
    .replace("interval '0') DESC, w.id", "interval '0') DESC, COALESCE(s.share, 0) DESC, w.id")
)


class Migration(migrations.Migration):
    dependencies = [("console", "0002_operators"), ("workspaces", "0005_quotas")]
    operations = [
        door(  # the one before stays: the release before calls it
            "workspaces_by_need(sought text, kinds text[], defaults bigint[])",
            "id bigint, name text, admins text[], failed bigint, critical bigint, waiting bigint, oldest_seconds double precision, "
            "paused_at timestamptz, created_at timestamptz, share double precision", WORKSPACES,
        ),
    ]
