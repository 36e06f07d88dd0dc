"""What a migration may not do, because the release before runs on while it is applied and may be needed again after (docs/decisions/0021).

A migration that takes something away says `after_release = "0.2.0"`: the release whose code no longer needs it. One that runs SQL or Python
of its own says in `both_releases` why the release before can live with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.migrations import operations as ops
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

# The last migration of each room that was written before these rules; a room that is not named has none before them.
BASELINE = {
    "console": "0002_operators", "datasets": "0010_nothing_while_paused", "deliveries": "0006_nothing_while_paused",
    "monitoring": "0012_signs", "outbox": "0008_given_up", "pipeline": "0002_exports", "predictions": "0005_nothing_while_paused",
    "runs": "0010_fair_batches", "scoring": "0003_what_came_true", "workspaces": "0008_needs_two_steps",
}  # fmt: skip
# Tables that grow with records, runs or mails: what reads them whole holds up whoever wants them.
LARGE = {
    "datasets_erasedrecord", "datasets_pushedbatch", "datasets_snapshot", "monitoring_alert", "monitoring_look", "monitoring_notice",
    "outbox_attempt", "outbox_message", "outbox_payload", "outbox_sending", "runs_run", "scoring_outcome", "scoring_score",
    "scoring_scoringrun", "workspaces_auditentry",
}  # fmt: skip


def refusals(released: set[str]) -> list[str]:
    """What is wrong with the migrations after the baseline, in sentences; `released` are the releases that were made."""
    loader = MigrationLoader(None)
    new = [
        key for key, migration in loader.disk_migrations.items()
        if migration.__module__.startswith("apps.") and key[1] > BASELINE.get(key[0], "")
    ]  # fmt: skip
    return [
        fault
        for key in sorted(new)
        for fault in refused(loader.disk_migrations[key], loader.project_state(key, at_end=False), released)
    ]


def refused(migration: migrations.Migration, before: ProjectState, released: set[str]) -> list[str]:
    """What is wrong with one migration that is applied to the state `before`."""
    state, made = before.clone(), set()
    found = []
    for operation in migration.operations:
        for fault in _faults(operation, migration, state, made, released):
            found.append(f"{migration.app_label}.{migration.name}: {operation.describe()}: {fault}")
        if isinstance(operation, ops.CreateModel):
            made.add(operation.name_lower)
        operation.state_forwards(migration.app_label, state)
    return found


def _faults(operation: Any, migration: Any, state: ProjectState, made: set[str], released: set[str]) -> Iterator[str]:
    if getattr(operation, "model_name_lower", None) in made:
        return  # a table of this very migration, which nobody uses yet
    for kinds, rule in RULES:
        if isinstance(operation, kinds):
            yield from rule(operation, migration, state, released)


Rule = Callable[[Any, Any, ProjectState, set[str]], Iterator[str]]


def _takes_away(operation: Any, migration: Any, state: ProjectState, released: set[str]) -> Iterator[str]:
    if getattr(migration, "after_release", None) not in released:
        yield "the release before still uses it; say `after_release` with a release that was made and no longer does"


def _renames(operation: Any, migration: Any, state: ProjectState, released: set[str]) -> Iterator[str]:
    yield "the release before knows the old name only; add the new one beside it, fill both, and drop the old one a release later"


def _adds_field(operation: Any, migration: Any, state: ProjectState, released: set[str]) -> Iterator[str]:
    field = operation.field
    if not (field.null or field.has_db_default() or field.many_to_many):
        yield "the release before writes no value for it; make it null=True or give it a db_default"
    if (field.unique or field.db_index) and _is_large(operation, migration, state):
        yield "its index is built while the table is locked; say db_index=False and use AddIndexBeside in a migration of its own"


def _alters_field(operation: Any, migration: Any, state: ProjectState, released: set[str]) -> Iterator[str]:
    old, new = state.models[migration.app_label, operation.model_name_lower].fields[operation.name], operation.field
    if _type(old) != _type(new) and not _only_wider(old, new):
        yield "its type changes, and the release before writes the old one; add a field beside it"
    if old.null and not new.null:
        yield "the release before may write nothing there; add a check that is NOT VALID, validate it, and set NOT NULL a release later"
    if old.has_db_default() and not new.has_db_default() and not new.null:
        yield "the release before may rely on the database's default; keep it"
    if new.unique and not old.unique:
        yield "the release before may write it twice, and its index is built under a lock"


def _adds_index(operation: Any, migration: Any, state: ProjectState, released: set[str]) -> Iterator[str]:
    if not isinstance(operation, AddIndexConcurrently | RemoveIndexConcurrently) and _is_large(
        operation, migration, state
    ):
        yield "the table is large and locked meanwhile; use AddIndexBeside or RemoveIndexConcurrently, with atomic = False"


def _adds_constraint(operation: Any, migration: Any, state: ProjectState, released: set[str]) -> Iterator[str]:
    if isinstance(operation.constraint, models.CheckConstraint) and not isinstance(operation, AddConstraintNotValid):
        yield "every row is read under a lock; use AddConstraintNotValid, and ValidateConstraint in a migration of its own"
    if isinstance(operation.constraint, models.UniqueConstraint) and _is_large(operation, migration, state):
        yield "its index is built while the large table is locked; build a unique index concurrently"


def _alters_together(operation: Any, migration: Any, state: ProjectState, released: set[str]) -> Iterator[str]:
    yield "it cannot be done without a lock; use constraints and indexes"


def _runs_code(operation: Any, migration: Any, state: ProjectState, released: set[str]) -> Iterator[str]:
    if not operation.reversible:
        yield "it cannot be undone; give it a reverse, `noop` where nothing has to be done"
    if not _is_door(operation) and not getattr(migration, "both_releases", ""):
        yield "say in `both_releases` why the release before can live with it, while it runs and after"


def _splits_state(operation: Any, migration: Any, state: ProjectState, released: set[str]) -> Iterator[str]:
    """What only the code forgets must go on taking the new code's rows, which say nothing of it."""
    for inner in operation.database_operations:
        yield from _faults(inner, migration, state, set(), released)
    for inner in operation.state_operations:
        if isinstance(inner, ops.RemoveField):
            field = state.models[migration.app_label, inner.model_name_lower].fields[inner.name]
            if not (field.null or field.has_db_default()):
                yield f"the new code writes no {inner.name}; make it null=True or give it a db_default in a migration before"


RULES: list[tuple[tuple[type, ...], Rule]] = [
    ((ops.RemoveField, ops.DeleteModel), _takes_away),
    ((ops.RenameField, ops.RenameModel, ops.AlterModelTable), _renames),
    ((ops.AddField,), _adds_field),
    ((ops.AlterField,), _alters_field),
    ((ops.AddIndex, ops.RemoveIndex), _adds_index),
    ((ops.AddConstraint,), _adds_constraint),
    ((ops.AlterUniqueTogether, ops.AlterIndexTogether), _alters_together),
    ((ops.RunSQL, ops.RunPython), _runs_code),
    ((ops.SeparateDatabaseAndState,), _splits_state),
]


def _is_large(operation: Any, migration: Any, state: ProjectState) -> bool:
    model = state.models[migration.app_label, operation.model_name_lower]
    return model.options.get("db_table", f"{migration.app_label}_{operation.model_name_lower}") in LARGE


def _type(field: models.Field) -> tuple:
    _, path, _, options = field.deconstruct()
    return path, *(
        options.get(name) for name in ("max_length", "max_digits", "decimal_places", "to", "db_column", "base_field")
    )


def _only_wider(old: models.Field, new: models.Field) -> bool:
    """A text may grow: PostgreSQL rewrites nothing, and the release before writes what still fits."""
    if type(old) is not models.CharField or old.db_column != new.db_column:
        return False
    return (
        type(new) is models.TextField
        or type(new) is models.CharField
        and (new.max_length or 10**9) >= (old.max_length or 10**9)
    )


def _is_door(operation: Any) -> bool:
    """Only functions made or replaced, which PostgreSQL refuses when what they return changes."""
    return isinstance(operation, ops.RunSQL) and str(operation.sql).startswith("CREATE OR REPLACE FUNCTION ")
