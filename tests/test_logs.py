"""What stands in the log, for people and for machines."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

import pytest
from django.db import IntegrityError

from apps.runs.models import Run
from apps.runs.queue import enqueue
from apps.workspaces.models import User
from apps.workspaces.scope import workspace_scope
from einstein.logs import Json, Line, about
from tests.conftest import ROOT


@pytest.fixture
def lines():
    """Everything that is logged meanwhile, as JSON."""

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(json.loads(self.format(record)))

    found: list[dict] = []
    handler = Keep()
    handler.setFormatter(Json())
    logging.getLogger().addHandler(handler)
    yield found
    logging.getLogger().removeHandler(handler)


def test_a_line_says_what_it_is_about_and_the_next_one_no_longer_does(lines):
    with about(run=7), about(kind="score"):
        logging.error("It is %s.", "so")
    logging.error("done")
    assert lines[0] | {"time": ""} == {"time": "", "level": "ERROR", "logger": "root", "message": "It is so.", "run": 7, "kind": "score"}  # fmt: skip
    assert "run" not in lines[1]


def test_a_failed_run_names_itself_its_kind_and_its_workspace(inside, lines, monkeypatch):
    from apps.pipeline import story, tasks

    monkeypatch.setitem(story.KINDS, "score", lambda work: 1 / 0)
    run = enqueue("score", 1)
    Run.objects.filter(id=run.id).update(state="dispatched")
    tasks.perform(inside.id, run.id)
    (line,) = [line for line in lines if line["logger"] == "einstein.pipeline"]
    assert (line["run"], line["kind"], line["workspace"]) == (run.id, "score", inside.id)
    assert "ZeroDivisionError" in line["exception"]


def test_a_failed_request_carries_the_reference_that_its_page_shows(client, owner, workspace, lines, monkeypatch):
    monkeypatch.setattr("apps.console.views.prediction_list", lambda *_: 1 / 0)
    client.force_login(owner)
    client.raise_request_exception = False
    answer = client.get(f"/w/{workspace.slug}/")
    (line,) = [line for line in lines if line["logger"] == "einstein.errors"]
    assert line["reference"] == answer.headers["X-Reference"] and line["workspace"] == workspace.id
    assert answer.status_code == 500


@pytest.mark.parametrize("formatter", [Json(), Line("{message}", style="{")])
def test_rows_that_the_database_quotes_stay_out(owner, formatter):
    try:
        with workspace_scope(1):
            User.objects.create_user(owner.email, None)
    except IntegrityError:
        text = formatter.format(logging.LogRecord("x", 40, "", 1, "failed", (), sys.exc_info()))
    assert "users" in text or "unique constraint" in text
    assert owner.email not in text


def settings_with(log_format: str, code: str = "pass") -> subprocess.CompletedProcess:
    env = os.environ | {"EINSTEIN_LOG_FORMAT": log_format, "EINSTEIN_LOG_LEVEL": "INFO", "DJANGO_SETTINGS_MODULE": "einstein.settings"}  # fmt: skip
    code = f"import django; django.setup()\n{code}"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)


def test_warnings_of_libraries_and_our_own_words_are_json_too():
    done = settings_with(
        "json", "import warnings; warnings.warn('old'); from einstein.serve import say; say('Stopping')"
    )
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["logger"], line["level"]) for line in found] == [
        ("py.warnings", "WARNING"),
        ("einstein.serve", "INFO"),
    ]


def test_another_format_is_refused_in_words():
    assert "EINSTEIN_LOG_FORMAT is 'xml'; it may be line or json." in settings_with("xml").stderr
