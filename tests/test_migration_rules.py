"""What a migration may not do while the release before runs."""

from __future__ import annotations

import re

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations import operations as ops
from django.db.migrations.loader import MigrationLoader
from django.db.models.functions import Now

from apps.workspaces.doors import door
from einstein.postgres.migration_rules import BASELINE, LARGE, refusals, refused
from tests.conftest import ROOT

RELEASED = set(re.findall(r"^## (\d+\.\d+\.\d+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE))
AN_INDEX = models.Index(fields=["kind"], name="a_name")
A_CHECK = models.CheckConstraint(condition=models.Q(rows__gte=0), name="a_name")
REFUSED = {
    "a field goes": (ops.RemoveField("run", "kind"), "the release before still uses it"),
    "a table goes": (ops.DeleteModel("Run"), "the release before still uses it"),
    "a field is renamed": (ops.RenameField("run", "kind", "sort"), "knows the old name only"),
    "a table is renamed": (ops.RenameModel("Run", "Piece"), "knows the old name only"),
    "a table is named otherwise": (ops.AlterModelTable("run", "pieces"), "knows the old name only"),
    "a field must be filled": (ops.AddField("run", "note", models.TextField(default="")), "db_default"),
    "a field with an index": (ops.AddField("run", "note", models.IntegerField(null=True, db_index=True)), "AddIndexBeside"),
    "another type": (ops.AlterField("run", "kind", models.IntegerField()), "its type changes"),
    "a shorter text": (ops.AlterField("run", "kind", models.CharField(max_length=3)), "its type changes"),
    "null no more": (ops.AlterField("run", "ended_at", models.DateTimeField()), "may write nothing there"),
    "unique from now on": (ops.AlterField("run", "subject_id", models.BigIntegerField(unique=True)), "may write it twice"),
    "an index under a lock": (ops.AddIndex("run", AN_INDEX), "locked meanwhile"),
    "a check of every row": (ops.AddConstraint("run", A_CHECK), "AddConstraintNotValid"),
    "uniqueness of a large table": (ops.AddConstraint("run", models.UniqueConstraint(fields=["kind"], name="a_name")), "unique index"),
    "unique together": (ops.AlterUniqueTogether("run", {("kind", "queue")}), "without a lock"),
    "SQL with no way back": (ops.RunSQL("UPDATE runs_run SET kind = kind"), "cannot be undone"),
    "SQL with no reason": (ops.RunSQL("UPDATE runs_run SET kind = kind", ""), "both_releases"),
    "Python with no reason": (ops.RunPython(ops.RunPython.noop, ops.RunPython.noop), "both_releases"),
    "a door that closes first": (ops.RunSQL("DROP FUNCTION f; CREATE OR REPLACE FUNCTION f()", ""), "both_releases"),
    "only the code forgets": (ops.SeparateDatabaseAndState([], [ops.RemoveField("run", "kind")]), "the new code writes no kind"),
    "hidden in a split": (ops.SeparateDatabaseAndState([ops.AddIndex("run", AN_INDEX)], []), "locked meanwhile"),
}  # fmt: skip
ALLOWED = {
    "a field that may be empty": ops.AddField("run", "note", models.TextField(null=True)),
    "a field the database fills": ops.AddField("run", "seen_at", models.DateTimeField(db_default=Now())),
    "a longer text": ops.AlterField("run", "kind", models.CharField(max_length=200)),
    "a text without end": ops.AlterField("run", "kind", models.TextField()),
    "null from now on": ops.AlterField("run", "subject_id", models.BigIntegerField(null=True)),
    "an index beside": AddIndexConcurrently("run", AN_INDEX),
    "a check of what comes": AddConstraintNotValid("run", A_CHECK),
    "a new table": ops.CreateModel("Piece", [("id", models.BigAutoField(primary_key=True))]),
    "a door": door("some_door()", "id bigint", "SELECT 1"),
}


@pytest.fixture(scope="module")
def before():
    return MigrationLoader(None).project_state()


def faults(before, *operations, **said: object) -> list[str]:
    migration = migrations.Migration("9999_next", "runs")
    migration.operations = list(operations)
    for name, value in said.items():
        setattr(migration, name, value)
    return refused(migration, before, {"0.1.0"})


def test_every_migration_after_the_baseline_keeps_the_rules():
    assert refusals(RELEASED) == []


def test_the_baseline_names_migrations_that_are_there():
    assert set(BASELINE.items()) <= set(MigrationLoader(None).disk_migrations)


def test_the_large_tables_are_there():
    from django.apps import apps

    assert {model._meta.db_table for model in apps.get_models()} >= LARGE


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_the_release_before_could_not_bear_is_refused(before, what):
    operation, words = REFUSED[what]
    assert any(words in fault for fault in faults(before, operation))


@pytest.mark.parametrize("what", list(ALLOWED))
def test_what_the_release_before_can_bear_passes(before, what):
    assert faults(before, ALLOWED[what]) == []


def test_a_new_table_may_have_what_it_likes(before):
    piece = ops.CreateModel("Piece", [("id", models.BigAutoField(primary_key=True)), ("kind", models.TextField())])
    rules = [ops.AddIndex("piece", AN_INDEX), ops.AddField("piece", "more", models.TextField(default=""))]
    assert faults(before, piece, *rules) == []


def test_what_is_no_longer_used_may_go_once_that_release_was_made(before):
    assert faults(before, ops.RemoveField("run", "kind"), after_release="0.1.0") == []
    assert faults(before, ops.RemoveField("run", "kind"), after_release="0.2.0") != []


def test_code_may_run_with_a_reason(before):
    assert faults(before, ops.RunSQL("SELECT 1", ops.RunSQL.noop), both_releases="It reads only.") == []
