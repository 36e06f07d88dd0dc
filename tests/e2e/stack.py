"""The whole product as real processes on a port of its own: web, workers, clock, PostgreSQL, and a real SMTP server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from email import message_from_string, policy
from pathlib import Path

import psycopg
from aiosmtpd.controller import Controller

from tests.e2e.inside import Inside
from tests.migrated import lay_into

ROOT = Path(__file__).resolve().parent.parent.parent


class Inbox:
    """An SMTP server that keeps what it gets."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())

    def start_again(self) -> None:
        """On the same port, after a stop."""
        self.controller = Controller(self, hostname="127.0.0.1", port=self.controller.port)
        self.controller.start()

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 aiosmtpd's name
        self.messages.append((envelope.rcpt_tos[0], envelope.content.decode("utf8", "replace")))
        return "250 OK"

    def subjects(self) -> list[str]:
        return [str(message_from_string(text, policy=policy.default)["Subject"]) for _, text in self.messages]


class Stack:
    """Starts everything with short intervals; `stop` ends it. `root` is where the product's code lies."""

    def __init__(self, name: str, root: Path = ROOT, **env: str) -> None:
        self.root = root
        self.var = ROOT / "var" / name
        self.temporary = self.var / "temporary"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.inbox = Inbox()
        self.env = os.environ | {
            "EINSTEIN_VAR": str(self.var), "TMPDIR": str(self.temporary), "EINSTEIN_PORT": str(self.port), "EINSTEIN_NO_LOGIN_LIMITS": "1", "EINSTEIN_LOG_LEVEL": "INFO", "EINSTEIN_WATCH_CLOCK": "1", "EINSTEIN_COUNT_CALLS_SECONDS": "1", "EINSTEIN_USAGE_SECONDS": "20", "EINSTEIN_LARGE_WORKERS": "0",
            "EINSTEIN_CHECK_SECONDS": "5", "EINSTEIN_GROUPING_SECONDS": "0", "EINSTEIN_GRACE_SECONDS": "3", "EINSTEIN_JITTER_SECONDS": "0", "EINSTEIN_LEASE_SECONDS": "10",
            "EINSTEIN_SMTP_URL": f"smtp://127.0.0.1:{self.inbox.controller.port}", "EINSTEIN_PUBLIC_URL": self.base,
            "EINSTEIN_OUTBOUND_ALLOW": "127.0.0.0/8", "EINSTEIN_STATIC_BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage", **env,
        }  # fmt: skip
        self.env.pop("DATABASE_URL", None)
        self.inside: Inside | None = None

    def start(self, demo: bool = False) -> Stack:
        shutil.rmtree(self.var / "files", ignore_errors=True)
        lay_into(self.var)
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()
        self.inbox.controller.start()
        return self.launch(demo)

    def launch(self, demo: bool = False) -> Stack:
        command = [sys.executable, "-m", "einstein", "run", *([] if demo else ["--no-demo"])]
        self.log = (self.var / "stack.log").open("a")
        self.process = subprocess.Popen(
            command, cwd=self.root, env=self.env, stdout=self.log, stderr=self.log, start_new_session=True
        )
        wait_for(lambda: self.answers("/accounts/login/"), 120, "the web server")
        return self

    def stop(self) -> None:
        self.halt()
        self.inbox.controller.stop()

    def halt(self) -> None:
        if self.inside is not None:
            self.inside.leave()
            self.inside = None
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)

    def answers(self, path: str) -> bool:
        try:
            return urllib.request.urlopen(self.base + path, timeout=5).status == 200
        except OSError:
            return False

    def sql(self, query: str, *values: object) -> list[tuple]:
        """Ask the stack's database as the owner of the tables."""
        with psycopg.connect(self.owner_url(), autocommit=True) as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def empty(self) -> None:
        """Remove all workspaces and people; the clock works meanwhile, and either of the two may be the one that is broken off."""
        for _ in range(20):
            try:
                self.sql("TRUNCATE workspaces_workspace, workspaces_user CASCADE")
                return
            except psycopg.errors.DeadlockDetected:
                time.sleep(0.2)
        raise AssertionError("the database could not be emptied beside the clock")

    def owner_url(self) -> str:
        code = "from django.conf import settings; import json; print(json.dumps([settings.DATABASE_OWNER_URL, settings.DATABASE_URL]))"
        if not hasattr(self, "_urls"):
            out = subprocess.run(
                [sys.executable, "-c", f"import os; os.environ['DJANGO_SETTINGS_MODULE']='einstein.settings'\n{code}"],
                cwd=self.root, env=self.env, capture_output=True, text=True, check=True,
            )  # fmt: skip
            self._urls = json.loads(out.stdout.strip().splitlines()[-1])
        return self._urls[0]

    def pids(self, words: str) -> list[int]:
        """Processes of this stack whose command line holds `words`."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    environment = (folder / "environ").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                if words in command and f"EINSTEIN_PORT={self.port}\0" in environment:
                    found.append(int(folder.name))
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds: float, what: str):
    """The condition's first true answer; fails with `what` when it takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")


def run_python(stack: Stack, code: str) -> str:
    """Run code inside the product (as the application's role) in a process of its own; returns what it printed."""
    if stack.inside is None:
        stack.inside = Inside(stack.root, stack.env)
    return stack.inside.run(code)


MAKE_PREDICTION = """
from pathlib import Path
from allauth.account.models import EmailAddress
from apps.workspaces.models import User
from apps.workspaces.people import create_workspace
from apps.workspaces.scope import workspace_scope
from apps.datasets.upload import receive_path
from apps.predictions.models import Prediction
user = User.objects.create_user("{name}@brightline.example", "a long enough password", name="{name}")
EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
workspace = create_workspace("{name}", user)
with workspace_scope(workspace.id):
    dataset, run = receive_path(Path("{file}"), "telco.csv", user)
    dataset.noun = "customer"; dataset.save()
    prediction = Prediction.objects.create(name="Churn {name}", dataset=dataset, outcome_kind="binary", outcome_field="Churn", positive="Yes",
        ignored_fields=["customerID"], fields_seen=True, budget_seconds={budget}, training={training}, owner=user, schedule="{schedule}",
        enable_when_ready=True, steps_done=["question", "data", "outcome", "records", "fields", "schedule"])
print(workspace.id, workspace.slug, dataset.id, prediction.id)
"""
START_TRAINING = """
from apps.workspaces.scope import workspace_scope
from apps.predictions.models import Prediction
from apps.predictions.train import start_training
with workspace_scope({workspace}):
    version, run = start_training(Prediction.objects.get(id={prediction}), None)
print(run.id)
"""


def make_prediction(
    stack: Stack,
    name: str,
    file: Path,
    schedule: str = "hourly",
    budget: int = 10,
    training: str = '{"trials": 2, "threads": 2}',
):
    """A person, a workspace, a dataset that has been read and a prediction ready to train; (workspace, slug, dataset, prediction)."""
    printed = run_python(
        stack, MAKE_PREDICTION.format(name=name, file=file, budget=budget, training=training, schedule=schedule)
    )
    workspace, slug, dataset, prediction = printed.split()
    wait_for(
        lambda: stack.sql("SELECT 1 FROM datasets_snapshot WHERE dataset_id = %s", int(dataset)),
        40,
        "the file to be read",
    )
    return int(workspace), slug, int(dataset), int(prediction)


def start_training(stack: Stack, workspace: int, prediction: int) -> int:
    return int(run_python(stack, START_TRAINING.format(workspace=workspace, prediction=prediction)))


def state_of(stack: Stack, run: int) -> tuple:
    return stack.sql("SELECT state, attempts, lease FROM runs_run WHERE id = %s", run)[0]
