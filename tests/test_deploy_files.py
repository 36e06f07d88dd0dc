"""The files that put an installation up name only what is there: commands, settings, paths, programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands

from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if name != "postgres"}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
GUIDE = (ROOT / "docs" / "operating.md").read_text()
ELSEWHERE = {"PYTHONUNBUFFERED", "TMPDIR"}


def settings_read() -> set[str]:
    text = (ROOT / "einstein" / "settings.py").read_text()
    return set(re.findall(r'"(EINSTEIN_\w+|DATABASE_\w*URL)"', text))


def unit(path: Path) -> dict[str, list[str]]:
    """Every line of a unit by its name; names come several times."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def commands() -> list[tuple[str, str]]:
    """(where, command line after manage.py) of everything that is started."""
    started = [(name, " ".join(service["command"])) for name, service in OURS.items()]
    started += [(path.name, line.split("manage.py ")[1].replace("%i", "train")) for path in UNITS for line in unit(path).get("ExecStart", [])]  # fmt: skip
    return started + [("Dockerfile", re.search(r'^CMD \["(\w+)"\]', DOCKERFILE, re.MULTILINE)[1])]


def names_set() -> set[str]:
    named = {name for service in OURS.values() for name in service["environment"]}
    named |= set(re.findall(r"\b((?:EINSTEIN|DATABASE)_\w+)=", DOCKERFILE))
    for path in UNITS:
        named |= set(re.findall(r"(\w+)=", " ".join(unit(path).get("Environment", []))))
    return {name.removesuffix("_FILE") for name in named} - ELSEWHERE


@pytest.mark.parametrize("where, line", commands(), ids=str)
def test_what_is_started_is_a_command_that_takes_these_words(where, line):
    name, *words = line.split()
    assert name in get_commands()
    if name == "work":
        from django.conf import settings

        assert words[0] in settings.WORKERS
    if name == "backup":
        assert words[1:] == ["--rehearse"]


def test_every_queue_has_workers():
    from django.conf import settings

    assert {line.split()[1] for where, line in commands() if where in OURS and line.startswith("work ")} == set(
        settings.WORKERS
    )
    wanted = unit(DEPLOY / "systemd" / "einstein.target")["Wants"][0]
    assert all(f"einstein-worker@{queue}.service" in wanted for queue in settings.WORKERS)


def test_every_variable_is_a_setting_and_documented():
    assert names_set() - settings_read() == set()
    assert [name for name in sorted(names_set()) if f"`{name}`" not in GUIDE] == []


def test_every_path_that_is_named_is_there():
    copied = [
        word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()
    ]
    mounted = [volume.split(":")[0] for volume in COMPOSE["services"]["postgres"]["volumes"] if volume.startswith("./")]
    assert copied and mounted
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert [path for path in mounted if not (DEPLOY / path).exists()] == []
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == let_in


def test_every_secret_is_made_and_handed_over(tmp_path):
    shutil.copy(DEPLOY / "make_secrets.py", tmp_path)
    for _ in range(2):  # what is there stays
        subprocess.run([sys.executable, tmp_path / "make_secrets.py", "smtp://mail.example"], check=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(COMPOSE["secrets"])
    assert made["application_password"] in made["database_url"] and made["owner_password"] in made["database_owner_url"]
    for service in OURS.values():
        named = {value.rsplit("/", 1)[1] for name, value in service["environment"].items() if name.endswith("_FILE")}
        assert named == set(service["secrets"])


def test_only_the_migration_knows_the_owner_of_the_tables():
    assert [name for name, service in OURS.items() if "database_owner_url" in service["secrets"]] == ["migrate"]
    knows = [path.stem for path in UNITS if "/etc/einstein/owner.env" in unit(path).get("EnvironmentFile", [])]
    assert knows == ["einstein-backup", "einstein-migrate"]


def test_what_compose_and_units_set_is_a_production_that_starts(tmp_path):
    values = {
        "DATABASE_URL": "postgresql://app:x@db/e", "EINSTEIN_SECRET_KEY": "x" * 50, "EINSTEIN_SMTP_URL": "smtp://mail",
        "EINSTEIN_SECRET_STORE_KEYS": "y" * 44, "EINSTEIN_PUBLIC_URL": "https://e.example", "EINSTEIN_ALLOWED_HOSTS": "e.example",
    }  # fmt: skip
    given = OURS["web"]["environment"]
    assert set(values) <= {name.removesuffix("_FILE") for name in given}
    env = {name: value for name, value in os.environ.items() if not name.startswith("EINSTEIN")}
    env |= values | {
        "EINSTEIN_VAR": str(tmp_path),
        "EINSTEIN_HOST": "0.0.0.0",
        "EINSTEIN_BEHIND_PROXY": given["EINSTEIN_BEHIND_PROXY"],
    }
    env.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
    checked = subprocess.run([sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert checked.returncode == 0 and re.findall(r"einstein\.\w\d+", checked.stderr) == ["einstein.W001"], (
        checked.stderr
    )


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    for path in UNITS:
        (tmp_path / path.name).write_text(path.read_text().replace("/srv/einstein", str(ROOT)))
    units = [str(tmp_path / path.name) for path in UNITS if "@" not in path.name]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.name)
def test_every_unit_is_hardened_and_ends_in_time(path):
    lines = unit(path)
    for name in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome"):
        assert lines[name] == ["yes"]
    assert lines["ProtectSystem"] == ["strict"] and lines["User"] == ["einstein"] and lines["MemoryMax"]
    if "Type" not in lines:
        assert (
            lines["Restart"] == ["always"]
            and lines["KillSignal"] == ["SIGTERM"]
            and int(lines["TimeoutStopSec"][0]) >= 45
        )


def test_hadolint_finds_nothing_wrong_with_the_image():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_requirement_of_the_image_is_pinned():
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if "==" not in line] == []
