"""The web app and the command line are one engine: the same folder gives the same scores, the same order the same model."""

from __future__ import annotations

import json
import subprocess
import sys

import pandas as pd
import pytest

from tests.e2e.conftest import DATA
from tests.e2e.stack import ROOT, make_prediction, run_python, start_training, wait_for

FIXED = {"trials": 2, "threads": 1, "seed": 7}
COPY = """
import shutil
from apps.workspaces.scope import workspace_scope
from apps.predictions.models import Prediction
from einstein import storage
with workspace_scope({workspace}), storage.local_copy(Prediction.objects.get(id={prediction}).champion.storage_key) as folder:
    shutil.copytree(folder, "{folder}")
"""


def engine(*arguments: object) -> dict:
    command = [sys.executable, "-m", "einstein.ml", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def from_the_web(stack, tmp_path_factory):
    """(stored score by key, the champion's model folder)."""
    workspace, _, _, prediction = make_prediction(stack, "same", DATA / "telco_small.csv", training=json.dumps(FIXED))
    start_training(stack, workspace, prediction)
    rows = wait_for(
        lambda: stack.sql("SELECT key, value FROM scoring_score WHERE prediction_id = %s", prediction), 120, "scores"
    )
    folder = tmp_path_factory.mktemp("web") / "model"
    run_python(stack, COPY.format(workspace=workspace, prediction=prediction, folder=folder))
    return dict(rows), folder


def scores_of(folder, tmp_path) -> dict[str, float]:
    out = tmp_path / "scores.csv"
    engine("predict", folder, DATA / "telco_small.csv", "--out", out, "--reasons", 3)
    table = pd.read_csv(DATA / "telco_small.csv", dtype=str)
    scores = pd.read_csv(out, float_precision="round_trip")
    assert list(scores.columns) == [
        "prediction",
        "probability_No",
        "probability_Yes",
        "reason_1",
        "reason_2",
        "reason_3",
    ]
    return dict(zip(table["customerID"], scores["probability_Yes"], strict=True))


def test_the_web_apps_model_folder_gives_the_stored_scores_bit_for_bit(from_the_web, tmp_path):
    stored, folder = from_the_web
    again = scores_of(folder, tmp_path)
    assert len(stored) == 200
    assert {key: again[key] for key in stored} == stored


def test_with_fixed_trials_seed_and_one_thread_both_train_the_same_model(from_the_web, tmp_path):
    stored, _ = from_the_web
    engine("train", DATA / "telco_small.csv", "--target", "Churn", "--positive", "Yes", "--ignore", "customerID",
           "--trials", FIXED["trials"], "--threads", FIXED["threads"], "--seed", FIXED["seed"], "--budget", 10, "--out", tmp_path / "model")  # fmt: skip
    again = scores_of(tmp_path / "model", tmp_path)
    assert {key: again[key] for key in stored} == stored
