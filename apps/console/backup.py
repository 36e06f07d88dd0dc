"""A backup: the database as of one moment and every stored file it speaks of, in one folder; and a rehearsal of coming back.

The database is dumped as of a snapshot, files are copied after it. A file may go while it is copied: then all is done once more.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql

from apps.workspaces.tenancy import key_columns
from einstein import storage
from einstein.postgres import moment
from einstein.postgres.dumps import DumpFailed, dump, restore
from einstein.postgres.file_lock import files_stay

FORMAT = 1
FACTS, DATABASE, FILES = "backup.json", "database.dump", "files"
TRIES = 3
REHEARSAL = "einstein_rehearsal"


class BackupFailed(Exception):
    """Why a backup cannot be made, or cannot be used; in words for the operator."""


@dataclass
class Facts:
    """What a backup holds: {table: rows}, {storage key: SHA-256}, and the migrations its schema has gone through."""

    made_at: str
    tables: dict[str, int]
    files: dict[str, str]
    migrations: list[str]
    format: int = FORMAT
    dump: str = ""
    bytes: int = 0


def back_up(folder: Path) -> Path:
    """Make a backup below `folder`; where it lies. Raises `BackupFailed`, and leaves nothing half made."""
    name = f"einstein-{moment.now():%Y%m%d-%H%M%S}"
    target, partial = folder / name, folder / f".{name}.partial-{secrets.token_hex(3)}"
    try:
        with _in_words(), files_stay(settings.DATABASE_OWNER_URL):
            folder.mkdir(parents=True, exist_ok=True)
            for _ in range(TRIES):
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir(mode=0o700)  # all customers' records are in it
                facts, missing = _one_try(partial)
                if not missing:
                    (partial / FACTS).write_text(json.dumps(asdict(facts)))
                    return partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    raise BackupFailed(f"Files went while they were copied, {TRIES} times in a row: {', '.join(sorted(missing)[:3])}")


def _one_try(partial: Path) -> tuple[Facts, set[str]]:
    """(what it holds, the keys the database speaks of whose files are not there)."""
    with psycopg.connect(settings.DATABASE_OWNER_URL) as reader:
        reader.isolation_level, reader.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        [snapshot] = reader.execute("SELECT pg_export_snapshot()").fetchone()  # type: ignore[misc]
        dump(settings.DATABASE_OWNER_URL, snapshot, partial / DATABASE)
        tables, keys = counts(reader), _referenced(reader)
        migrations = [
            f"{app}.{name}" for app, name in reader.execute("SELECT app, name FROM django_migrations ORDER BY id")
        ]
    files = _copied(partial / FILES)
    size = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
    facts = Facts(
        moment.now().isoformat(), tables, files, migrations, dump=storage.sha256_of(partial / DATABASE), bytes=size
    )
    there = {
        str(part) for key in files for part in (PurePosixPath(key), *PurePosixPath(key).parents)
    }  # a key may name a folder
    return facts, keys - there


def counts(reader: psycopg.Connection) -> dict[str, int]:
    """Rows of every table of ours."""
    names = [row[0] for row in reader.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]
    query = sql.SQL("SELECT count(*) FROM {}")
    return {name: reader.execute(query.format(sql.Identifier(name))).fetchone()[0] for name in names}  # type: ignore[index]


def _counts_behind_walls(url: str) -> dict[str, int]:
    """The same of a database just restored: until it is migrated its walls have no doors, not even for the owner."""
    with psycopg.connect(url) as owner:
        for (table,) in owner.execute("SELECT relname FROM pg_class WHERE relforcerowsecurity").fetchall():
            owner.execute(sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(sql.Identifier(table)))
        found = counts(owner)
        owner.rollback()
    return found


def _referenced(reader: psycopg.Connection) -> set[str]:
    """Every storage key that a row speaks of: the columns that are named for it."""
    found: set[str] = set()
    for model, column in key_columns():
        query = sql.SQL("SELECT DISTINCT {} FROM {}").format(
            sql.Identifier(column), sql.Identifier(model._meta.db_table)
        )
        found |= {row[0] for row in reader.execute(query) if row[0]}
    return found


def _copied(target: Path) -> dict[str, str]:
    """Copy every stored file; {key: SHA-256}. One that goes meanwhile is left out."""
    found = {}
    for key in storage.all_keys():
        path = target / key
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with storage.local_copy(key) as local:
                shutil.copyfile(local, path)
        except FileNotFoundError:
            continue
        found[key] = storage.sha256_of(path)
    return found


def read_facts(backup: Path) -> Facts:
    """What a backup says of itself, once everything in it has been compared with that; raises `BackupFailed`."""
    try:
        facts = Facts(**json.loads((backup / FACTS).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise BackupFailed(f"{backup} is no backup: {FACTS} cannot be read ({error}).") from error
    if facts.format != FORMAT:
        raise BackupFailed(f"The backup has format {facts.format}; this version reads {FORMAT}.")
    wrong = [key for key, known in {**{f"{FILES}/{key}": known for key, known in facts.files.items()}, DATABASE: facts.dump}.items() if not _is_whole(backup / key, known)]  # fmt: skip
    if wrong:
        raise BackupFailed(f"{len(wrong):,} files of the backup are missing or damaged, such as {wrong[0]}.")
    return facts


def _is_whole(path: Path, known: str) -> bool:
    return path.is_file() and storage.sha256_of(path) == known


def rehearse(backup: Path) -> Facts:
    """Read a backup back into a database made for it and compare every table; the installation is not touched. Raises `BackupFailed`."""
    facts = read_facts(backup)
    scratch = f"{REHEARSAL}_{secrets.token_hex(3)}"
    url, name = psycopg.conninfo.make_conninfo(settings.DATABASE_OWNER_URL, dbname=scratch), sql.Identifier(scratch)
    with _in_words(), psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            _put_back(url, backup, facts)
        finally:
            owner.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
    return facts


def _put_back(url: str, backup: Path, facts: Facts) -> None:
    """The dump into an empty database, and a count of every table."""
    restore(url, backup / DATABASE)
    refuse_other_counts(facts, _counts_behind_walls(url))


@contextmanager
def _in_words() -> Iterator[None]:
    """What the database, its programs or the disk refuse, as `BackupFailed`."""
    try:
        yield
    except (OSError, DumpFailed, psycopg.Error) as error:
        raise BackupFailed(str(error)) from error


def refuse_other_counts(facts: Facts, found: dict[str, int]) -> None:
    """Raise `BackupFailed` where a table has other rows than when the backup was made."""
    other = [
        f"{table} holds {found.get(table, 0):,} rows instead of {rows:,}"
        for table, rows in facts.tables.items()
        if found.get(table) != rows
    ]
    if other:
        raise BackupFailed(f"What came back is not what was backed up: {'; '.join(other[:5])}.")


def bring_back(backup: Path) -> Facts:
    """Restore into an empty installation, files first and the database whole or not at all; raises `BackupFailed`. Migrating comes after."""
    facts = read_facts(backup)
    _refuse_newer(facts)
    with _in_words(), psycopg.connect(settings.DATABASE_OWNER_URL) as reader:
        tables = counts(reader)
    if tables:
        raise BackupFailed(
            f"The database holds {len(tables)} tables already. Restore into an empty one: nothing here is overwritten."
        )
    strangers = [key for key in storage.all_keys() if key not in facts.files]
    if strangers:
        raise BackupFailed(
            f"The file store holds other files already, such as {strangers[0]}. Restore into an empty one."
        )
    with _in_words():
        for key in facts.files:
            storage.put(backup / FILES / key, key)
        _put_back(settings.DATABASE_OWNER_URL, backup, facts)
    return facts


def _refuse_newer(facts: Facts) -> None:
    from django.db.migrations.loader import MigrationLoader

    known = {f"{app}.{name}" for app, name in MigrationLoader(connection, ignore_no_migrations=True).disk_migrations}
    newer = [name for name in facts.migrations if name not in known]
    if newer:
        raise BackupFailed(
            f"The backup was made by a newer version: this one does not know {newer[0]}. Install that version, then restore."
        )
