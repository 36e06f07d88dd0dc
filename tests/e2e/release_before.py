"""The code of the release before this one, laid out in a folder beside: what a roll-back would start."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.e2e.stack import ROOT


def lay_out_the_release_before() -> Path:
    """The newest release that is tagged and not this commit, or before there is one the commit before the newest migration."""
    if _git("rev-parse", "--is-shallow-repository") == "true":
        _git("fetch", "--quiet", "--unshallow", "--tags")
    commit = _git("rev-parse", f"{_last_tag() or _before_the_newest_migration()}^{{commit}}")
    folder = ROOT / "var" / f"release-{commit[:12]}"
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x"], cwd=partial, input=packed, check=True)
        partial.rename(folder)
    return folder


def _last_tag() -> str:
    tags = _git("tag", "--list", "v*", "--merged", "HEAD~1", "--sort=-version:refname").split()
    return tags[0] if tags else ""


def _before_the_newest_migration() -> str:
    newest = _git("log", "-1", "--format=%H", "--diff-filter=A", "--", "apps/*/migrations/0*.py")
    assert newest, "this checkout has no history: clone the repository with it, a roll-back is tried with real old code"
    return f"{newest}~1"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()
