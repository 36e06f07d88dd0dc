"""What an operator can set or run is written down."""

from __future__ import annotations

import re

from tests.conftest import ROOT

GUIDE = (ROOT / "docs" / "operating.md").read_text()


def test_every_setting_from_the_environment_is_documented():
    read = set(re.findall(r'"(EINSTEIN_\w+|DATABASE_\w*URL)"', (ROOT / "einstein" / "settings.py").read_text()))
    assert len(read) > 15
    assert [name for name in sorted(read) if f"`{name}`" not in GUIDE] == []


def test_every_command_of_ours_is_documented():
    commands = {path.stem for path in (ROOT / "apps").glob("*/management/commands/*.py") if path.stem != "__init__"}
    assert commands
    assert [name for name in sorted(commands) if f"manage.py {name}" not in GUIDE] == []


def test_every_check_is_in_the_users_guide():
    from apps.monitoring.checks import registry

    guide = (ROOT / "docs" / "using.md").read_text()
    assert [check.title for check in registry().values() if check.title not in guide] == []


def test_every_dependency_says_why_it_is_there():
    reasons = (ROOT / "docs" / "decisions" / "0001-dependencies.md").read_text().lower()
    lines = "".join(path.read_text() for path in ROOT.glob("requirements*.txt"))
    named = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==", lines, re.MULTILINE)
    assert [name for name in named if name.lower() not in reasons] == []


def test_everything_that_a_start_is_refused_for_is_documented():
    from einstein.unsafe_settings import RULES

    assert [rule.id for rule in RULES if f"`{rule.id}`" not in GUIDE] == []


def test_every_kind_that_is_kept_for_a_time_is_documented_with_its_days():
    from apps.pipeline.retention import registry

    rows = [
        f"| `{kind.setting}` | {kind.title[0].lower()}{kind.title[1:]} | {kind.days} | {kind.least} |"
        for kind in registry().values()
    ]
    assert len(rows) > 15
    assert [row for row in rows if row not in GUIDE] == []
