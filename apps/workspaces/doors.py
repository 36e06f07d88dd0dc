"""Doors through the walls: the few functions that look across workspaces, run as the tables' owner.

Each returns (workspace, row) numbers only; whatever is done with them happens inside that workspace's scope.
"""

from django.db import migrations


def door(signature: str, returns: str, body: str) -> migrations.RunSQL:
    """A SECURITY DEFINER function as a migration operation. `body` is SQL without outer semicolon."""
    name = signature.split("(")[0]
    create = (
        f"CREATE OR REPLACE FUNCTION {signature} RETURNS TABLE({returns}) LANGUAGE sql SECURITY DEFINER "
        f"SET search_path = public, pg_temp AS $door$ {body} $door$"
    )
    return migrations.RunSQL(create, f"DROP FUNCTION IF EXISTS {name}")


def running(workspace: str) -> str:
    """SQL: whether the workspace that this column names is not paused. Where none is paused, which is nearly always, no row is compared."""
    paused = "FROM workspaces_workspace w WHERE w.paused_at IS NOT NULL"
    return f"(NOT EXISTS (SELECT 1 {paused}) OR {workspace} NOT IN (SELECT w.id {paused}))"
