"""What is refused once others can reach the server, and how secrets are handed over."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.core.checks import run_checks

from tests.conftest import ROOT, VAR

pytestmark = pytest.mark.django_db  # Django's own checks make a user, who is made at some time

SAFE = {
    "ON_LOOPBACK": False, "LISTEN_HOST": "10.0.0.7", "SMTP_URL": "smtp://mail.example", "SECURE": True, "PUBLIC_URL": "https://einstein.example",
    "EMBEDDED_POSTGRES": False, "SECRETS_GIVEN": True, "ALLOWED_HOSTS": ["einstein.example"], "LEASE_SECONDS": 20, "NO_LOGIN_LIMITS": False,
    "DATABASE_URL": "postgresql://einstein_app:x@db/einstein", "DATABASE_OWNER_URL": "postgresql://einstein_owner:y@db/einstein",
    "STORAGE_URL": "s3://einstein", "DEBUG": False,
}  # fmt: skip
UNSAFE = {
    "einstein.E001": {"SMTP_URL": ""},
    "einstein.E002": {"DEBUG": True},
    "einstein.E003": {"SECURE": False, "PUBLIC_URL": "http://einstein.example"},
    "einstein.E004": {"SECRETS_GIVEN": False},
    "einstein.E005": {"ALLOWED_HOSTS": ["*"]},
    "einstein.E006": {"LEASE_SECONDS": 9},
    "einstein.E007": {"DATABASE_OWNER_URL": "postgresql://einstein_app:x@db/einstein"},
    "einstein.E008": {"NO_LOGIN_LIMITS": True},
    "einstein.W001": {"STORAGE_URL": "/srv/einstein/files"},
}


@pytest.fixture
def found(settings):
    def look(**changed: object) -> list:
        for name, value in (SAFE | changed).items():
            setattr(settings, name, value)
        return [message for message in run_checks() if message.id.startswith("einstein.")]

    return look


def test_a_safe_production_is_not_spoken_of(found):
    assert found() == []


@pytest.mark.parametrize("number", list(UNSAFE))
def test_each_unsafe_setting_is_named_with_what_mends_it(found, number):
    (message,) = found(**UNSAFE[number])
    assert message.id == number and message.hint
    assert message.is_serious() == (number != "einstein.W001")


@pytest.mark.parametrize("number", [name for name in UNSAFE if name != "einstein.E001"])
def test_ones_own_machine_may_do_as_it_likes(found, number):
    alone = {"ON_LOOPBACK": True, "PUBLIC_URL": "http://127.0.0.1:8000", "SECURE": False}
    assert found(**UNSAFE[number] | alone) == []


def test_a_proxy_on_the_same_machine_makes_the_loopback_public(found):
    assert [message.id for message in found(ON_LOOPBACK=True, NO_LOGIN_LIMITS=True)] == ["einstein.E008"]


def manage(*command: str, **env: str) -> subprocess.CompletedProcess:
    known = os.environ | {"EINSTEIN_VAR": str(VAR)} | env
    return subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=known, capture_output=True, text=True)


def test_an_unsafe_start_is_refused_in_words(django_db_setup):
    refused = manage("clock", EINSTEIN_HOST="10.0.0.7")
    assert refused.returncode == 1
    assert "passwords would travel readable" in refused.stderr and "HINT" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_secrets_come_from_files_without_their_line_end(django_db_setup, tmp_path):
    (tmp_path / "key").write_text("a secret of fifty characters, or nearly so, at least\n")
    shown = manage("show_keys", EINSTEIN_SECRET_KEY_FILE=str(tmp_path / "key"))
    assert shown.stdout.splitlines()[0] == "EINSTEIN_SECRET_KEY=a secret of fifty characters, or nearly so, at least"


def test_the_database_address_comes_from_a_file(django_db_setup, settings, tmp_path):
    (tmp_path / "url").write_text(settings.DATABASE_URL.replace("einstein_app", "nobody") + "\n")
    failed = manage("create_operator", "ops@x.example", DATABASE_URL_FILE=str(tmp_path / "url"))
    assert 'authentication failed for user "nobody"' in failed.stderr


def test_the_keys_in_use_can_be_given_to_another_host(django_db_setup):
    lines = dict(line.split("=", 1) for line in manage("show_keys").stdout.splitlines())
    assert manage("show_keys", **lines, EINSTEIN_VAR=f"{VAR}/elsewhere", DATABASE_URL="postgresql://x@/x").stdout == "\n".join(
        f"{name}={value}" for name, value in lines.items()
    ) + "\n"  # fmt: skip
