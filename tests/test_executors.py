"""The promises that every executor keeps, and how a training ends by them. `EINSTEIN_PROMISES_OF=ray://host:port` asks a cluster for the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict

import psutil
import pytest
from django.core.checks import run_checks

from apps.pipeline.tasks import perform
from apps.predictions import executors
from apps.predictions.executors import base, chosen, registry
from apps.predictions.executors.base import Ending, Limits
from apps.predictions.executors.base.child import run_child
from apps.predictions.judge_ending import BrokeOff, judge
from apps.predictions.models import ModelVersion
from apps.predictions.train import start_training
from apps.runs.lease import WorkFailed
from apps.runs.models import Run
from einstein import storage
from einstein.memory import machine_mb
from einstein.ml.artifact import read_facts
from einstein.ml.reader import read_frame
from einstein.ml.request import TrainRequest
from tests.conftest import ROOT, TELCO

KEY = "w/1/trainings/5/1"
SPACIOUS = Limits(seconds=200)


@pytest.fixture
def executor(settings):
    settings.TRAIN_EXECUTOR = os.environ.get("EINSTEIN_PROMISES_OF", "subprocess")
    return chosen()


@pytest.fixture
def job(tmp_path):
    """A folder with churn to be learnt as `churn_model` learnt it."""
    table, _ = read_frame(TELCO)
    table[table["Churn"].notna()].reset_index(drop=True).to_parquet(tmp_path / "table.parquet")

    def make(**other):
        asked = {"target": "Churn", "positive": "Yes", "ignore": ["customerID"], "trials": 1, "threads": 1} | other
        (tmp_path / "job.json").write_text(json.dumps(asdict(TrainRequest(**asked))))
        return tmp_path

    return make


def never() -> bool:
    return False


def deaf(event: dict) -> None:
    pass


def test_it_makes_the_same_model_as_the_library_called_directly(executor, job, churn_model):
    heard: list[dict] = []
    home = job()
    ending = executor.train(home, KEY, SPACIOUS, heard.append, never)
    assert (ending.finished, ending.reason) == (True, "")
    assert read_facts(home / "model")["hash"] == read_facts(churn_model)["hash"]
    assert "Try models" in [event.get("stage") for event in heard]
    assert [event["progress"]["tried"] for event in heard if "progress" in event] == [1]
    assert storage.keys_below(KEY) == []


def test_it_passes_on_why_nothing_can_be_learnt(executor, job):
    ending = executor.train(job(target="Weather"), KEY, SPACIOUS, deaf, never)
    with pytest.raises(WorkFailed, match="There is no field named Weather"):
        judge(ending)


def test_it_ends_a_training_that_takes_too_much_memory_and_says_so_in_plain_words(executor, job):
    ending = executor.train(job(), KEY, Limits(200, memory_mb=60), deaf, never)
    assert (ending.finished, ending.reason) == (False, "memory")
    with pytest.raises(WorkFailed, match="needed more than the 60 MB of memory"):
        judge(ending)


def test_it_ends_a_training_that_takes_too_much_time(executor, job):
    began = time.monotonic()
    ending = executor.train(job(trials=500), KEY, Limits(seconds=6), deaf, never)
    assert ending.reason == "time"
    assert time.monotonic() - began < 60
    with pytest.raises(WorkFailed, match="took far longer"):
        judge(ending)


def test_it_stops_when_asked_and_nothing_goes_on(executor, job):
    heard: list[dict] = []
    ending = executor.train(
        job(trials=500), KEY, SPACIOUS, heard.append, lambda: any("progress" in event for event in heard)
    )
    assert (ending.finished, ending.reason) == (False, "stopped")
    assert [child for child in psutil.Process().children(recursive=True) if "job" in child.cmdline()] == []
    assert storage.keys_below(KEY) == []


def test_when_the_lease_is_lost_while_it_tells_nothing_goes_on(executor, job):
    def lost(event: dict) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        executor.train(job(trials=500), KEY, SPACIOUS, lost, never)
    assert [child for child in psutil.Process().children(recursive=True) if "job" in child.cmdline()] == []
    assert storage.keys_below(KEY) == []


def test_a_child_that_does_not_listen_is_killed(monkeypatch):
    monkeypatch.setattr("apps.predictions.executors.base.child.END_SECONDS", 0.5)
    deaf_child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    began = time.monotonic()
    ending = run_child([sys.executable, "-c", deaf_child], Limits(seconds=1.5), deaf, never)
    assert (ending.status, ending.reason) == (-9, "time")
    assert time.monotonic() - began < 20


def test_what_libraries_print_is_no_event():
    heard: list[dict] = []
    program = """print('5'); print('[LightGBM] done'); print('"done"'); print('{"stage": "Read"}')"""
    ending = run_child([sys.executable, "-c", program], SPACIOUS, heard.append, never)
    assert not ending.finished
    assert heard == [{"stage": "Read"}]


def test_without_a_setting_a_training_may_take_three_quarters_of_the_machine():
    ending = run_child([sys.executable, "-c", ""], SPACIOUS, deaf, never)
    assert ending.memory_mb == round(0.75 * machine_mb())
    assert 0 < machine_mb() <= psutil.virtual_memory().total / 1024**2


def test_linux_ends_a_training_before_the_database_when_memory_runs_out():
    heard: list[dict] = []
    program = "import json; print(json.dumps({'score': int(open('/proc/self/oom_score_adj').read())}))"
    run_child([sys.executable, "-c", program], SPACIOUS, heard.append, never)
    assert heard == [{"score": 800}]


@pytest.fixture
def with_kind(tmp_path, settings, monkeypatch):
    """An executor of a kind of its own, put into the folder's path and chosen; it ends as it is told to end."""

    def put(ending: Ending) -> None:
        (tmp_path / "elsewhere.py").write_text(
            "from apps.predictions.executors.base import Ending, Executor\n"
            "class Elsewhere(Executor):\n    kind = 'elsewhere'\n"
            f"    def train(self, home, key, limits, hear, stopped):\n        return {ending!r}\n"
            "EXECUTOR = Elsewhere\n"
        )
        monkeypatch.setattr(executors, "__path__", [*executors.__path__, str(tmp_path)])
        registry.cache_clear()
        settings.TRAIN_EXECUTOR = "elsewhere://here"

    yield put
    monkeypatch.undo()
    sys.modules.pop("apps.predictions.executors.elsewhere", None)
    registry.cache_clear()


def tried_once(draft) -> Run:
    _, run = start_training(draft, None)
    Run.objects.filter(id=run.id).update(state="dispatched")
    perform(draft.workspace_id, run.id)
    run.refresh_from_db()
    return run


def test_a_kind_put_into_the_folder_is_known_everywhere(db, with_kind):
    with_kind(Ending(True))
    assert {"elsewhere", "ray", "subprocess"} <= set(registry())
    assert chosen().address == "here"
    assert run_checks(databases=[]) == []


@pytest.mark.parametrize("reason", ["memory", "time", "lost", "crowded"])
def test_what_would_end_so_again_fails_at_once_with_its_sentence(draft, with_kind, reason):
    with_kind(Ending(False, reason=reason, memory_mb=2000))
    run = tried_once(draft)
    assert (run.state, run.attempts) == ("failed", 1)
    assert ModelVersion.objects.get(prediction=draft).failure == run.error
    assert "operator" in run.error or "more time" in run.error


@pytest.mark.parametrize(
    ("reason", "words"),
    [("unreachable", "machines that train could not be reached"), ("files", "file store of the installation")],
)
def test_a_cluster_or_its_file_store_that_does_not_answer_is_waited_for(draft, with_kind, reason, words):
    with_kind(Ending(False, reason=reason, errors="connection refused"))
    run = tried_once(draft)
    assert (run.state, run.attempts, run.outages) == ("queued", 0, 1)
    assert words in run.error
    assert ModelVersion.objects.get(prediction=draft).state == "training"


def test_the_page_says_in_plain_words_that_memory_ran_out(client, owner, workspace, draft, settings):
    settings.TRAIN_MEMORY_MB = 60
    tried_once(draft)
    client.force_login(owner)
    page = client.get(f"/w/{workspace.slug}/predictions/{draft.id}/versions/1/").content.decode()
    assert "The training needed more than the 60 MB of memory it may use" in page
    assert "Try again" in page


def test_what_a_killed_worker_had_sent_away_is_removed_when_its_run_ends(draft, with_kind):
    with_kind(Ending(False, reason="lost"))
    _, run = start_training(draft, None)
    key = storage.key_for(draft.workspace_id, "trainings", run.id, 0, "table.parquet")
    storage.put_bytes(b"records", key)
    tried_once(draft)
    assert key not in storage.all_keys()


@pytest.mark.parametrize(
    ("setting", "words"),
    [("kubernetes", "Write one of: ray, subprocess"), ("ray", "names no cluster")],
)
def test_an_executor_that_cannot_train_is_refused_at_start(db, settings, monkeypatch, setting, words):
    monkeypatch.setattr("apps.predictions.executors.ray.find_spec", lambda name: object())
    settings.TRAIN_EXECUTOR = setting
    assert [words in error.hint for error in run_checks(databases=[])] == [True]


def test_a_cluster_without_ray_installed_says_how_to_install_it(db, settings, monkeypatch):
    monkeypatch.setattr("apps.predictions.executors.ray.find_spec", lambda name: None)
    settings.TRAIN_EXECUTOR = "ray://10.0.0.5:10001"
    assert ["requirements-ray.txt" in error.hint for error in run_checks(databases=[])] == [True]


def test_ray_is_not_imported_by_whoever_only_has_trainings_done():
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'einstein.settings'\n"
        "from apps.predictions.executors import chosen, registry\n"
        "registry()['ray']('somewhere:10001').problem(); print(chosen().kind, 'ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "subprocess False", done.stderr


def test_a_killed_process_is_tried_again_and_a_fault_of_ours_is_not():
    with pytest.raises(BrokeOff):
        judge(Ending(False, -9))
    with pytest.raises(RuntimeError, match="ended with 1"):
        judge(Ending(False, 1, "Traceback"))
    judge(Ending(True, -11))


def test_threads_are_as_many_as_the_cluster_was_asked_for(settings):
    settings.TRAIN_CPUS = 3
    assert [registry()[kind]("").threads for kind in ("subprocess", "ray")] == [0, 3]
    assert base.job_command(ROOT)[1:4] == ["-m", "einstein.ml", "job"]
