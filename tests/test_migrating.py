"""Migrating beside a running application, with real locks."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psycopg
import pytest

from apps.workspaces.tenancy import tenant_models
from einstein.postgres.one_migrator import LOCK_SECONDS, MIGRATING
from tests.conftest import ROOT
from tests.e2e.stack import wait_for

ADD_A_COLUMN = """
import django; django.setup()
from django.db import connection
from einstein.postgres.one_migrator import patiently
patiently(lambda: connection.cursor().execute("ALTER TABLE tried ADD COLUMN more int"), lambda words: print(words, flush=True))
"""
BUILD_AN_INDEX = """
import django; django.setup()
from django.db import connection, models
from django.db.migrations.state import ModelState, ProjectState
from einstein.postgres.one_migrator import AddIndexBeside, patiently
state = ProjectState()
state.add_model(ModelState("runs", "Tried", [("id", models.BigAutoField(primary_key=True))], {"db_table": "tried"}))
after = state.clone()
operation = AddIndexBeside("tried", models.Index(fields=["id"], name="tried_beside"))
operation.state_forwards("runs", after)
def build():
    with connection.schema_editor(atomic=False) as editor:
        operation.database_forwards("runs", editor, state, after)
patiently(build, lambda words: print(words, flush=True))
"""


def as_owner(*command: str) -> subprocess.Popen:
    env = os.environ | {"EINSTEIN_DATABASE_ROLE": "owner", "DJANGO_SETTINGS_MODULE": "einstein.settings"}
    env.pop("PYTHONUNBUFFERED", None)  # what they say must be read at once wherever it goes
    return subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def connect(settings) -> psycopg.Connection:
    """As the owner of the tables; a test that blocks itself fails soon."""
    return psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True, options="-c statement_timeout=60s")


@pytest.fixture
def owner(django_db_setup, settings):
    with connect(settings) as connection:
        connection.execute("DROP TABLE IF EXISTS tried")  # of a test that was killed
        connection.execute("CREATE TABLE tried (id bigserial PRIMARY KEY)")
        connection.execute("INSERT INTO tried SELECT generate_series(1, 9)")
        yield connection
        connection.execute("DROP TABLE tried")


def test_the_second_host_waits_for_the_first(owner):
    owner.execute("SELECT pg_advisory_lock(%s)", [MIGRATING])
    second = as_owner("manage.py", "migrate", "--verbosity", "0")
    assert second.stdout.readline() == "Another host migrates; waiting for it.\n"
    owner.execute("SELECT pg_advisory_unlock(%s)", [MIGRATING])
    assert (second.communicate(timeout=180)[0], second.returncode) == ("", 0)


def test_a_table_in_use_is_tried_again_and_others_go_on_meanwhile(owner, settings):
    with connect(settings) as reader, connect(settings) as another:
        with reader.transaction():
            reader.execute("SELECT * FROM tried")
            migrating = as_owner("-c", ADD_A_COLUMN)
            wait_for(lambda: owner.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE tried%'").fetchone(), 30, "the migration to wait")  # fmt: skip
            began = time.monotonic()
            assert another.execute("SELECT count(*) FROM tried").fetchone() == (9,)
            assert time.monotonic() - began < LOCK_SECONDS + 1
            assert migrating.stdout.readline() == "A table is in use; trying again.\n"
        migrating.communicate(timeout=180)
        assert migrating.returncode == 0
        assert another.execute("SELECT more FROM tried LIMIT 1").fetchone() == (None,)


def test_an_index_waits_as_long_as_it_takes_and_clears_away_what_a_killed_one_left(owner, settings):
    with connect(settings) as writer, writer.transaction():
        writer.execute("INSERT INTO tried VALUES (99)")
        break_off_an_index(settings)
        building = as_owner("-c", BUILD_AN_INDEX)
        with pytest.raises(subprocess.TimeoutExpired):  # it waits for the writer, and tells of no failed try
            building.wait(LOCK_SECONDS + 4)
    assert (building.communicate(timeout=180)[0], building.returncode) == ("", 0)
    valid = owner.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'tried_beside'::regclass").fetchone()
    assert valid == (True,)


def break_off_an_index(settings) -> None:
    with connect(settings) as killed:
        killed.execute("SET statement_timeout = '1s'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            killed.execute("CREATE INDEX CONCURRENTLY tried_beside ON tried (id)")


def test_a_migration_with_nothing_to_do_waits_for_nobody(owner):
    with owner.transaction():
        for model in tenant_models():
            owner.execute(f'SELECT 1 FROM "{model._meta.db_table}" LIMIT 1')
        migrating = as_owner("manage.py", "migrate", "--verbosity", "0")
        assert (migrating.communicate(timeout=180)[0], migrating.returncode) == ("", 0)


HANDS = {
    "runs_run": "ALTER POLICY tenant_wall ON runs_run USING (true)",
    "scoring_score": "DROP POLICY tenant_wall ON scoring_score",
    "datasets_dataset": "ALTER TABLE datasets_dataset NO FORCE ROW LEVEL SECURITY",
}
WALLS = """
SELECT c.relname, p.qual, p.with_check, c.relforcerowsecurity FROM pg_class c LEFT JOIN pg_policies p ON p.tablename = c.relname
   AND p.policyname = 'tenant_wall' WHERE c.relname = ANY(%s) ORDER BY 1
"""


def test_a_wall_that_somebody_changed_by_hand_is_built_anew(owner):
    stood = owner.execute(WALLS, [list(HANDS)]).fetchall()
    for change in HANDS.values():
        owner.execute(change)
    changed = owner.execute(WALLS, [list(HANDS)]).fetchall()
    assert all(then != now for then, now in zip(stood, changed, strict=True))
    as_owner("manage.py", "migrate", "--verbosity", "0").communicate(timeout=180)
    assert owner.execute(WALLS, [list(HANDS)]).fetchall() == stood
    assert all("einstein.workspace" in wall[1] and wall[3] for wall in stood)
