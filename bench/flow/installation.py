"""An installation of its own for the bench (var/bench-flow), and a customer's PostgreSQL beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VAR = ROOT / "var" / "bench-flow"
# The worker's own code in a process of its own, so that its memory is its own.
PERFORM = """
import os, resource, sys, json, time
import django; django.setup()
from apps.datasets.connectors import registry
from apps.pipeline.tasks import perform
from apps.runs.models import Run
from apps.workspaces.scope import workspace_scope
registry()  # a worker loads its code once, not with each Run
workspace, run = int(sys.argv[1]), int(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.monotonic()
perform(workspace, run)
seconds = time.monotonic() - began
with workspace_scope(workspace):
    done = Run.objects.get(id=run)
print(json.dumps({"seconds": seconds, "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, "state": done.state, "error": done.error,
                  "outcome": done.outcome, "stages": [[s["name"], round(s.get("ended", 0) - s["started"], 1)] for s in done.stages]}))
"""


def begin() -> None:
    """Point the settings at the bench's own files and database, migrate, and set Django up."""
    shutil.rmtree(VAR / "files", ignore_errors=True)
    os.environ |= {"EINSTEIN_VAR": str(VAR), "DJANGO_SETTINGS_MODULE": "einstein.settings", "EINSTEIN_OUTBOUND_ALLOW": "127.0.0.0/8",
                   "EINSTEIN_LEASE_SECONDS": "36000", "EINSTEIN_JITTER_SECONDS": "0", "EINSTEIN_LOG_LEVEL": "ERROR"}  # fmt: skip
    os.environ.pop("DATABASE_URL", None)
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, check=True)
    import django

    django.setup()


def workspace_of_its_own() -> tuple[object, object]:
    """(a person, her workspace), new each time."""
    import secrets

    from apps.workspaces.models import User
    from apps.workspaces.people import create_workspace

    user = User.objects.create_user(f"{secrets.token_hex(4)}@bench.example", None, name="Bench")
    return user, create_workspace("Bench", user)


def perform(workspace: object, run: object) -> dict:
    """Have a process of its own do a dispatched Run as a worker would: its seconds, its peak memory, its outcome."""
    done = subprocess.run(
        [sys.executable, "-c", PERFORM, str(workspace.id), str(run.id)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["state"] == "succeeded", facts
    return facts
