"""The cast and the stage: a real PostgreSQL of its own, two companies, and people of every role."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var" / "tests"
# Named here and not in pyproject.toml: pytest-django would read the settings, and so touch the installation's own data,
# before this file has pointed them at the tests' data.
os.environ["DJANGO_SETTINGS_MODULE"] = "einstein.settings"
os.environ["EINSTEIN_VAR"] = str(VAR)
os.environ["EINSTEIN_STATIC_BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
os.environ["EINSTEIN_NO_LOGIN_LIMITS"] = "1"
os.environ["EINSTEIN_LOG_LEVEL"] = "ERROR"
os.environ.pop("DATABASE_URL", None)
shutil.rmtree(VAR / "files", ignore_errors=True)

import django  # noqa: E402
import pytest  # noqa: E402

django.setup()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker):
    """Migrate as the owner in a process of its own; tests then run as the application's role, as production does."""
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, check=True)


@pytest.fixture
def make_user(db):
    from allauth.account.models import EmailAddress

    from apps.workspaces.models import User

    def make(email: str, verified: bool = True) -> User:
        user = User.objects.create_user(email, "a long enough password", name=email.split("@")[0].title())
        EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)
        return user

    return make


@pytest.fixture
def owner(make_user):
    return make_user("anna@brightline.example")


@pytest.fixture
def workspace(owner):
    from apps.workspaces.people import create_workspace

    return create_workspace("Brightline", owner, "Europe/Berlin")


@pytest.fixture
def stranger(make_user):
    return make_user("stranger@elsewhere.example")


@pytest.fixture
def elsewhere(stranger):
    from apps.workspaces.people import create_workspace

    return create_workspace("Elsewhere", stranger)


@pytest.fixture
def join(make_user):
    """Add a person with a role to a workspace."""
    from apps.workspaces.models import Membership
    from apps.workspaces.scope import workspace_scope

    def add(workspace, role: str):
        user = make_user(f"{role}@brightline.example")
        with workspace_scope(workspace.id):
            Membership.objects.create(user=user, role=role)
        return user

    return add


@pytest.fixture
def inside(workspace):
    """Run the test inside the workspace."""
    from apps.workspaces.scope import workspace_scope

    with workspace_scope(workspace.id):
        yield workspace
