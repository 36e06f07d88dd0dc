"""A migrated database to begin with, made once and copied: every test process and every stack has a server of its own, and migrating
each takes a quarter of a minute."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PASSWORDS = "postgres.passwords.json"


def lay_into(var: Path) -> None:
    """Give an installation that has none a stopped server with every migration applied, and the collected static files."""
    if (var / "postgres.installation").exists():
        return
    from einstein.postgres.embedded import EmbeddedServer

    model = _model()
    var.mkdir(parents=True, exist_ok=True)
    shutil.copy2(model / PASSWORDS, var / PASSWORDS)
    # `cp` keeps the owners: as root, the files belong to the server's own account.
    subprocess.run(["cp", "-a", EmbeddedServer(model).data, EmbeddedServer(var).data], check=True)
    # Nothing here must outlive the machine, and waiting for its disk is most of what small transactions do.
    (EmbeddedServer(var).data / "postgresql.auto.conf").write_text("fsync = off\nfull_page_writes = off\n")
    shutil.copytree(model / "static", var / "static", dirs_exist_ok=True)


def _model() -> Path:
    """The installation to copy, by what its schema and its static files are made from."""
    var = ROOT / "var" / f"migrated-{_fingerprint()}"
    var.parent.mkdir(exist_ok=True)
    with (var.parent / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (var / "complete").exists():
            shutil.rmtree(var, ignore_errors=True)
            env = os.environ | {"EINSTEIN_VAR": str(var), "EINSTEIN_STATIC_BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}  # fmt: skip
            env.pop("DATABASE_URL", None)
            for command in (["migrate"], ["collectstatic", "--no-input"]):
                subprocess.run(
                    [sys.executable, "manage.py", *command, "--verbosity", "0"], cwd=ROOT, env=env, check=True
                )
            (var / "complete").touch()
    return var


def _fingerprint() -> str:
    known = hashlib.sha256()
    sources = [
        ROOT / "requirements.txt",
        *sorted(ROOT.glob("apps/*/migrations/*.py")),
        *sorted((ROOT / "static").rglob("*")),
    ]
    for path in sources:
        if path.is_file():
            known.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return known.hexdigest()[:12]
