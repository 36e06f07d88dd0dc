"""The command line, as a person or a script calls it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

FILE = Path(__file__).resolve().parent.parent / "data" / "telco_small.csv"


def call(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "einstein.ml", *map(str, words)], capture_output=True, text=True)


def test_profile_says_what_every_field_holds():
    facts = json.loads(call("profile", FILE).stdout)
    words = {field["name"]: (field["type"], field["words"]) for field in facts["fields"]}
    assert words["customerID"][0] == "id"
    assert "filled in 1,600 of 1,600 records, from" in words["tenure"][1]


def test_inspect_says_what_a_model_is(trained):
    facts = json.loads(call("inspect", trained[0]).stdout)
    assert facts["task"] == "binary" and facts["drivers"][0]["field"]
    assert facts["verdict"].startswith("Of the 28 records with the highest score")


def test_predict_names_the_fields_it_misses(trained, tmp_path):
    pd.read_csv(FILE).drop(columns=["Contract"]).head(5).to_csv(tmp_path / "t.csv", index=False)
    done = call("predict", trained[0], tmp_path / "t.csv", "--out", tmp_path / "s.csv")
    assert json.loads(done.stdout)["missing_fields"] == ["Contract"]
    assert len(pd.read_csv(tmp_path / "s.csv")) == 5


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["profile", "/nowhere.csv"], "There is no file /nowhere.csv."), (["inspect", "/tmp"], "There is no model in tmp."),
        (["train", FILE, "--target", "Churn", "--positive", "Maybe", "--out", "/tmp/x"], "Churn is never Maybe. Its answers are No and Yes."),
    ],
)  # fmt: skip
def test_an_error_is_one_sentence_and_status_two(words, sentence):
    done = call(*words)
    assert (done.returncode, done.stderr.strip()) == (2, sentence)


def test_a_training_is_stopped_within_two_seconds_and_leaves_no_half_model(tmp_path):
    words = ["train", str(FILE), "--target", "Churn", "--budget", "60", "--out", str(tmp_path / "m")]
    child = subprocess.Popen([sys.executable, "-m", "einstein.ml", *words], stdout=subprocess.DEVNULL)
    time.sleep(8)
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    child.wait(timeout=30)
    assert time.monotonic() - began < 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.alone
def test_ten_seconds_are_enough_for_a_model(tmp_path):
    facts = json.loads(call("train", FILE, "--target", "Churn", "--budget", "10", "--out", tmp_path / "m").stdout)
    assert facts["tried"] >= 2
    assert facts["metrics"]["auc"]["value"] > 0.7
