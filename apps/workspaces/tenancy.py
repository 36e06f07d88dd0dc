"""The base of every business table, and the row-level security that PostgreSQL holds beneath it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.workspaces.scope import current_workspace_id

INSIDE = "{column} = NULLIF(current_setting('einstein.workspace', true), '')::bigint"
KEY_COLUMNS = {"storage_key", "history_key", "ledger_key"}


class TenantManager(models.Manager):
    """Only the rows of the workspace in scope; raises without one."""

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(workspace_id=current_workspace_id())

    def create(self, **values: Any) -> models.Model:
        values.setdefault("workspace_id", current_workspace_id())
        return super().create(**values)

    def bulk_create(self, objs: Iterable, *args: Any, **kwargs: Any) -> list:
        rows = list(objs)
        for row in rows:
            row.workspace_id = row.workspace_id or current_workspace_id()
        return super().bulk_create(rows, *args, **kwargs)


class TenantModel(models.Model):
    """A row of business data: it belongs to exactly one workspace."""

    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE, related_name="+")

    objects = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.workspace_id is None:
            self.workspace_id = current_workspace_id()
        super().save(*args, **kwargs)


def tenant_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]


def key_columns() -> Iterator[tuple[type[models.Model], str]]:
    """Every column that names a stored file, or a folder of them: those that are called so."""
    for model in tenant_models():
        for column in model._meta.fields:
            if isinstance(column, models.CharField) and column.name in KEY_COLUMNS:
                yield model, column.name


def build_walls(**_: Any) -> None:
    """After each migration: force row-level security on every tenant table, so that none can be forgotten.

    The owner of the tables keeps one door (migrations and the few SECURITY DEFINER functions that look for due work).
    """
    if connection.vendor != "postgresql" or not _migrated(connection):
        return
    for model in tenant_models():
        _build_wall(model._meta.db_table, "workspace_id")
    workspace = apps.get_model("workspaces", "Workspace")._meta.db_table
    membership = apps.get_model("workspaces", "Membership")._meta.db_table
    _build_wall(workspace, "id")
    own = "user_id = NULLIF(current_setting('einstein.person', true), '')::bigint"
    _policy(membership, "own_memberships", f"FOR SELECT USING ({own})")
    _policy(
        workspace, "own_workspaces", f"FOR SELECT USING (id IN (SELECT workspace_id FROM {membership} WHERE {own}))"
    )


def _build_wall(table: str, column: str) -> None:
    inside = INSIDE.format(column=column)
    _policy(table, "tenant_wall", f"USING ({inside}) WITH CHECK ({inside})")
    _policy(table, "owner_door", "TO CURRENT_USER USING (true) WITH CHECK (true)")
    if _ask("SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", table) is not True:
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY')


# What stands there now, with what it was made from: any other rule, role or hand that changed it gives another seal.
SEAL = """
SELECT md5(concat_ws('|', %s::text, current_user, polcmd, polroles::text, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)))
FROM pg_policy WHERE polrelid = %s::regclass AND polname = %s
"""
SEALED = "SELECT obj_description(oid, 'pg_policy') FROM pg_policy WHERE polrelid = %s::regclass AND polname = %s"


def _policy(table: str, name: str, rule: str) -> None:
    """Make a policy, or leave the one that is there: replacing it would stop whoever reads the table meanwhile."""
    seal = _ask(SEAL, rule, table, name)
    if seal is not None and seal == _ask(SEALED, table, name):
        return
    with transaction.atomic(), connection.cursor() as cursor:  # at no moment is there a table without its wall
        cursor.execute(f'DROP POLICY IF EXISTS {name} ON "{table}"')
        cursor.execute(f'CREATE POLICY {name} ON "{table}" {rule}')
        cursor.execute(f"COMMENT ON POLICY {name} ON \"{table}\" IS '{_ask(SEAL, rule, table, name)}'")


def _ask(question: str, *values: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        found = cursor.fetchone()
    return found and found[0]


def grant_to_application(**_: Any) -> None:
    """Give the application's role what it needs on every table, and nothing that changes the schema."""
    from django.conf import settings

    role = application_role(settings.DATABASE_URL)
    if settings.DATABASE_ROLE != "owner" or not role:
        return
    with transaction.atomic(), connection.cursor() as cursor:  # at no moment may it change what only grows
        name = connection.ops.quote_name(role)
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {name}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}")
        for model in apps.get_models():
            if getattr(model, "append_only", False):
                cursor.execute(f'REVOKE UPDATE, DELETE ON "{model._meta.db_table}" FROM {name}')


def application_role(url: str) -> str:
    import environ

    return environ.Env.db_url_config(url)["USER"]


def _migrated(wrapper: BaseDatabaseWrapper) -> bool:
    tables = set(wrapper.introspection.table_names())
    return all(model._meta.db_table in tables for model in tenant_models())
