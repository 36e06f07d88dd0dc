"""An installation of its own for the bench (var/bench-flow), and a customer's PostgreSQL beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VAR = ROOT / "var" / "bench-flow"


def begin() -> None:
    """Point the settings at the bench's own files and database, migrate, and set Django up."""
    shutil.rmtree(VAR / "files", ignore_errors=True)
    os.environ |= {"EINSTEIN_VAR": str(VAR), "DJANGO_SETTINGS_MODULE": "einstein.settings", "EINSTEIN_OUTBOUND_ALLOW": "127.0.0.0/8",
                   "EINSTEIN_LEASE_SECONDS": "36000", "EINSTEIN_LOG_LEVEL": "ERROR"}  # fmt: skip
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
