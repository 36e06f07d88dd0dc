"""One command that starts and supervises everything: PostgreSQL when it is ours, web server, workers, clock.

A process that dies is started again; Ctrl-C (or SIGTERM) stops all of them in order.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from apps.runs.die_with_parent import die_with_parent
from einstein.cores import environment_of_web, environment_of_worker
from einstein.stop_signals import stop_signals

if TYPE_CHECKING:
    from einstein.postgres.embedded import EmbeddedServer

logger = logging.getLogger("einstein.serve")
STOP_SECONDS = 15
WEB_STOP_SECONDS = 30
RESTART_PAUSE = 1.0
DATABASE_PAUSE = 5.0
PATIENCE_SECONDS = 60
MANAGE = [sys.executable, "manage.py"]


@dataclass
class Child:
    """One supervised process."""

    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen | None = None

    def start(self) -> None:
        from django.conf import settings

        # A session of its own, so that Ctrl-C reaches us alone and we stop the children in order.
        # Killed itself, it leaves none behind: what starts next would work beside them.
        self.process = subprocess.Popen(
            self.command, env=os.environ | self.env, cwd=settings.BASE_DIR, start_new_session=True, preexec_fn=die_with_parent
        )  # fmt: skip

    def is_dead(self) -> bool:
        return self.process is not None and self.process.poll() is not None


def run(demo: bool) -> int:
    """Prepare, start, supervise; returns the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "einstein.settings")
    import django

    began = time.monotonic()
    django.setup()
    prepare()
    prepared = time.monotonic()
    say(f"Prepared the database and the files in {prepared - began:.0f} s")
    children = _children()
    stop = stop_signals()
    for child in children:
        child.start()
    if is_served(stop):
        say(f"Serving pages after {time.monotonic() - prepared:.0f} s")
    if demo:
        subprocess.Popen([*MANAGE, "demo"], start_new_session=True)
    supervise(children, stop)
    return 0


def say(words: str) -> None:
    """Tell whoever started everything; where machines read along, as one of their lines."""
    from django.conf import settings

    if settings.LOG_FORMAT == "json":
        logger.info(words)
    else:
        with suppress(OSError):  # a full disk that the words go to must not end what is supervised
            print(words, flush=True)


def prepare() -> None:
    """Migrate as the owner, collect static files, refuse unsafe settings and roles."""
    from django.core.management import call_command

    from einstein.postgres.safety import UnsafeDatabaseRole, refuse_unsafe_role

    subprocess.run([*MANAGE, "migrate", "--verbosity", "0", "--skip-checks"], check=True)  # they come below
    try:
        refuse_unsafe_role()
    except UnsafeDatabaseRole as unsafe:
        sys.exit(str(unsafe))
    call_command("check", fail_level="ERROR", stdout=io.StringIO())  # errors end the start with their own words
    call_command("collectstatic", interactive=False, verbosity=0)


def is_served(stop: threading.Event) -> bool:
    """Wait until the web server takes connections; False when it does not within the patience, or is stopped."""
    from django.conf import settings

    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and not stop.wait(0.1):
        try:
            socket.create_connection((settings.LISTEN_HOST, settings.LISTEN_PORT), timeout=1).close()
        except OSError:
            continue
        return True
    return False


def supervise(children: list[Child], stop: threading.Event) -> None:
    """Start again what dies, until `stop`; then end all, politely first."""
    from django.conf import settings

    while not stop.wait(0.5):
        keep_running(getattr(settings, "EMBEDDED_SERVER", None), stop)
        for child in children:
            if child.is_dead():
                say(f"{child.name} stopped ({child.process.returncode}); it is started again")
                time.sleep(RESTART_PAUSE)
                with suppress(OSError):  # no memory for a new process: it stays dead, and is tried again
                    child.start()
    say("Stopping")
    for child in children:
        if child.process:
            child.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        try:
            child.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(child.process.pid, signal.SIGKILL)


def keep_running(database: EmbeddedServer | None, stop: threading.Event) -> None:
    """Start PostgreSQL again when it is ours and has ended: it gives up on a full disk, and a system short of memory may kill it."""
    if database is None or database.is_running():
        return
    say("PostgreSQL stopped; it is started again")
    try:
        database.start_again()
    except (RuntimeError, OSError) as refusal:
        say(f"{refusal}\nIt is tried again in {DATABASE_PAUSE:.0f} s")
        stop.wait(DATABASE_PAUSE)


def web_command() -> list[str]:
    """The web server. Asked to stop, it takes no more connections and ends the requests that it has."""
    from django.conf import settings

    machines = ["--log-config", str(settings.BASE_DIR / "einstein" / "granian_json.json")]
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", settings.LISTEN_HOST, "--port", str(settings.LISTEN_PORT),
        "--workers", "2", "--blocking-threads", "4", "--no-ws", "--log-level", "warning", "--workers-kill-timeout", str(WEB_STOP_SECONDS),
        *(machines if settings.LOG_FORMAT == "json" else []), "einstein.wsgi:application",
    ]  # fmt: skip


def _children() -> list[Child]:
    from django.conf import settings

    return [
        Child("web", web_command(), environment_of_web()),
        *(
            Child(f"workers of the queue {queue}", [*MANAGE, "work", queue], environment_of_worker(queue))
            for queue, count in settings.WORKERS.items()
            if count
        ),
        Child("clock", [*MANAGE, "clock"]),
    ]
