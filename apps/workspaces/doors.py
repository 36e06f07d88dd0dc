"""Doors through the walls: the few functions that look across workspaces, run as the tables' owner.

Each returns (workspace, row) numbers only; whatever is done with them happens inside that workspace's scope.
"""

from django.db import migrations

RUNNING = "NOT IN (SELECT w.id FROM workspaces_workspace w WHERE w.paused_at IS NOT NULL)"  # by a partial index; nearly always empty


def door(signature: str, returns: str, body: str) -> migrations.RunSQL:
    """A SECURITY DEFINER function as a migration operation. `body` is SQL without outer semicolon."""
    name = signature.split("(")[0]
    create = (
        f"CREATE OR REPLACE FUNCTION {signature} RETURNS TABLE({returns}) LANGUAGE sql SECURITY DEFINER "
        f"SET search_path = public, pg_temp AS $door$ {body} $door$"
    )
    return migrations.RunSQL(create, f"DROP FUNCTION IF EXISTS {name}")
