"""Backup and restore as an operator does them: by command, into an empty installation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from apps.console.backup import BackupFailed, read_facts
from einstein.postgres.embedded import EmbeddedServer
from tests.conftest import ROOT, TELCO
from tests.e2e.inside import run_once
from tests.migrated import lay_into

FILL = """
from pathlib import Path
from apps.workspaces.models import User
from apps.workspaces.people import create_workspace
from apps.workspaces.scope import workspace_scope
from apps.datasets.upload import receive_path
for name in ("Brightline", "Elsewhere"):
    user = User.objects.create_user(f"{name}@x.example", "a long enough password", name=name)
    workspace = create_workspace(name, user)
    with workspace_scope(workspace.id):
        receive_path(Path("%s"), "telco.csv", user)
"""
READ = """
import json
from django.db import connection
from apps.datasets.models import Upload
from apps.workspaces.models import Workspace
from apps.workspaces.scope import workspace_scope
from einstein import storage
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM datasets_upload")
    outside = cursor.fetchone()[0]
found = {}
for number in (1, 2):
    with workspace_scope(number):
        for upload in Upload.objects.all():
            with storage.local_copy(upload.storage_key) as path:
                found[Workspace.objects.get(id=number).name] = storage.sha256_of(path)
print(json.dumps({"outside": outside, "uploads": found}))
"""


class Installation:
    """One installation in a folder of its own, whose database stays up between commands."""

    def __init__(self, var: Path) -> None:
        self.var, self.server = var, EmbeddedServer(var)
        self.server.start()
        self.env = os.environ | {"EINSTEIN_VAR": str(var)}

    def manage(self, *words: object) -> subprocess.CompletedProcess:
        command = [sys.executable, "manage.py", *map(str, words)]
        return subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True)

    def run(self, code: str) -> str:
        return run_once(ROOT, self.env, code)

    @property
    def files(self) -> list[str]:
        home = self.var / "files"
        return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    var = tmp_path_factory.mktemp("running")
    lay_into(var)
    found = Installation(var)
    found.run(FILL % TELCO)
    yield found
    found.server.leave()


@pytest.fixture(scope="module")
def backup(running, tmp_path_factory):
    done = running.manage("backup", tmp_path_factory.mktemp("backups"), "--rehearse")
    assert done.returncode == 0, done.stderr
    assert "2 files" in done.stdout and "it comes back whole" in done.stdout
    return Path(done.stdout.splitlines()[0].rpartition(" to ")[2])


@pytest.fixture
def empty(tmp_path):
    found = Installation(tmp_path / "empty")
    yield found
    found.server.leave()


@pytest.fixture
def copied(backup, tmp_path):
    return Path(shutil.copytree(backup, tmp_path / "copied"))


def test_a_backup_comes_back_in_an_empty_installation_with_its_files_and_its_walls(running, backup, empty):
    done = empty.manage("restore", backup)
    assert done.returncode == 0, done.stderr
    assert "Restored" in done.stdout and "2 files" in done.stdout
    before, after = (json.loads(one.run(READ)) for one in (running, empty))
    assert after == before and set(after["uploads"]) == {"Brightline", "Elsewhere"}
    assert after["outside"] == 0  # outside of every workspace the application sees nothing
    assert empty.files == running.files
    again = empty.manage("restore", backup)
    assert again.returncode == 1 and "Restore into an empty one: nothing here is overwritten." in again.stderr


def test_a_rehearsal_says_what_comes_back_and_touches_nothing(running, backup):
    files = running.files
    done = running.manage("restore", backup, "--rehearse")
    assert done.returncode == 0, done.stderr
    assert "Rehearsed" in done.stdout and running.files == files
    assert "einstein_rehearsal" not in running.run("from django.db import connection\nwith connection.cursor() as c:\n c.execute('SELECT datname FROM pg_database'); print(c.fetchall())")  # fmt: skip


@pytest.mark.parametrize("part", ["file", "database", "facts", "cut facts"])
def test_a_damaged_backup_is_told_before_anything_is_restored(copied, part):
    file = next(path for path in (copied / "files").rglob("*") if path.is_file())
    if part == "file":
        file.write_bytes(b"something else")
    elif part == "database":
        (copied / "database.dump").write_bytes((copied / "database.dump").read_bytes()[:1000])
    elif part == "facts":
        (copied / "backup.json").unlink()
    else:
        (copied / "backup.json").write_text('{"format": 1')
    with pytest.raises(BackupFailed, match="damaged|is no backup"):
        read_facts(copied)


def test_a_backup_of_a_newer_version_is_refused_and_nothing_is_restored(copied, empty):
    facts = json.loads((copied / "backup.json").read_text())
    facts["migrations"].append("datasets.0999_from_the_future")
    (copied / "backup.json").write_text(json.dumps(facts))
    done = empty.manage("restore", copied)
    assert done.returncode == 1 and empty.files == [] and "Traceback" not in done.stderr
    assert "made by a newer version: this one does not know datasets.0999_from_the_future" in done.stderr


def test_a_backup_that_lacks_a_file_of_the_database_is_none(running, tmp_path):
    lost = running.var / "files" / running.files[0]
    content = lost.read_bytes()
    lost.unlink()
    try:
        done = running.manage("backup", tmp_path / "backups")
    finally:
        lost.write_bytes(content)
    assert done.returncode == 1 and running.files[0].rpartition("/")[0] in done.stderr
    assert list((tmp_path / "backups").iterdir()) == []
