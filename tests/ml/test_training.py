"""Training, stored models, scores and reasons on real data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from einstein.ml.artifact import load_model
from einstein.ml.errors import DataProblem
from einstein.ml.scorer import score, score_one
from einstein.ml.train import TrainRequest, train

FILE = Path(__file__).resolve().parent.parent / "data" / "telco_small.csv"


def test_the_scorecard_is_measured_on_records_the_model_never_saw(trained):
    card = trained[1]["scorecard"]
    assert card["learn_records"] + card["test_records"] == card["records"] == 1400
    assert (
        0.70 < card["metrics"]["auc"]["low"] < card["metrics"]["auc"]["value"] < card["metrics"]["auc"]["high"] < 0.95
    )
    assert card["top"]["count"] == 28


def test_few_records_are_all_tested_a_fifth_at_a_time(table, tmp_path):
    heard = []
    few = table[table["Churn"].notna()].head(400)
    card = train(few, TrainRequest("Churn", positive="Yes", trials=2, threads=1), tmp_path, heard.append)["scorecard"]
    assert (card["split"], card["test_records"], card["records"], card["learn_records"]) == ("crossed", 400, 400, 320)
    assert 0.70 < card["metrics"]["auc"]["value"] < 0.95
    assert [event["detail"][:6] for event in heard if "detail" in event][1:] == [f"{n} of 5" for n in range(1, 6)]


def test_testing_a_fifth_at_a_time_does_not_flatter_a_model_of_noise(table, tmp_path):
    random = np.random.default_rng(0)
    few = table.head(300).assign(Churn=np.where(random.random(300) < 0.4, "Yes", "No"))
    card = train(few, TrainRequest("Churn", positive="Yes", trials=8, threads=2), tmp_path)["scorecard"]
    assert card["metrics"]["auc"]["low"] < 0.5
    assert card["grade"] == "E"


def test_progress_counts_whole_trials_and_the_best_so_far_never_falls(trained):
    told = [event["progress"] for event in trained[1]["heard"] if "progress" in event]
    best, tried = [counts["best"] for counts in told], [counts["tried"] for counts in told]
    assert best == sorted(best)
    assert tried == sorted(tried)
    assert tried[-1] >= 4


def test_the_id_is_left_out_with_a_reason(trained):
    assert {item["field"]: item["kind"] for item in trained[1]["left_out"]} == {"customerID": "id"}


def test_a_stored_model_scores_alone_as_in_a_batch_bit_for_bit(trained, table):
    model = load_model(trained[0])
    batch = score(model, table, 3)
    alone = [score(model, table.iloc[[row]], 3).value[0] for row in range(0, 60, 7)]
    assert alone == [batch.value[row] for row in range(0, 60, 7)]


def test_order_extra_fields_and_missing_fields_are_borne(trained, table):
    model = load_model(trained[0])
    shuffled = table[list(reversed(table.columns))].assign(extra="x")
    assert score(model, shuffled, 0).value.tolist() == score(model, table, 0).value.tolist()
    assert len(score(model, pd.DataFrame({"nothing": ["x"]}), 3).value) == 1
    assert len(score(model, table.head(0), 3).value) == 0


def test_the_same_seed_and_trials_give_the_same_model_to_the_byte(trained, table, tmp_path):
    again = train(table, TrainRequest("Churn", positive="Yes", trials=4, threads=1), tmp_path)
    assert again["hash"] == trained[1]["hash"]
    assert {member.name for member in tmp_path.glob("member-*.cbm")}


def test_a_changed_byte_is_refused(trained, table, tmp_path):
    train(table, TrainRequest("Churn", positive="Yes", trials=1, threads=1), tmp_path)
    member = next(tmp_path.glob("member-0.*"))
    member.write_bytes(member.read_bytes()[:-1] + b"~")
    with pytest.raises(DataProblem, match="was changed"):
        load_model(tmp_path)


def test_one_record_is_scored_as_in_the_table_it_comes_from(trained, table):
    model = load_model(trained[0])
    batch = score(model, table.head(40), 3)
    alone = [score_one(model, record, 3) for record in table.head(40).to_dict("records")]
    assert [found.value[0] for found in alone] == batch.value.tolist()
    assert [[why["field"] for why in found.reasons[0]] for found in alone] == [
        [why["field"] for why in reasons] for reasons in batch.reasons
    ]


def test_reasons_name_the_users_own_fields_and_values(trained, table):
    reasons = score(load_model(trained[0]), table.head(50), 3).reasons
    fields = {reason["field"] for why in reasons for reason in why}
    assert fields <= set(table.columns) and "Contract" in fields


@pytest.mark.parametrize(
    ("rows", "change", "words"),
    [
        (90, {}, "At least 100 are needed: 10 more"),
        (600, {"Churn": "Yes"}, "Every record has the same answer"),
        (600, {"Churn": None}, "blank in every record"),
    ],
)
def test_what_cannot_be_learnt_is_refused_with_the_count_needed(table, tmp_path, rows, change, words):
    known = table[table["Churn"].notna()].head(rows).assign(**change)
    with pytest.raises(DataProblem, match=words):
        train(known, TrainRequest("Churn", positive="Yes", trials=1), tmp_path)


def test_a_copy_of_the_outcome_is_left_out_as_a_leak(table, tmp_path):
    leaky = table.assign(cancelled=table["Churn"].map({"Yes": "gone", "No": "here"}))
    facts = train(leaky, TrainRequest("Churn", positive="Yes", trials=1, threads=1), tmp_path)
    assert [item["kind"] for item in facts["left_out"] if item["field"] == "cancelled"] == ["leak"]


def test_the_command_line_keeps_row_order_and_names_every_class(tmp_path):
    run = [sys.executable, "-m", "einstein.ml"]
    done = subprocess.run(
        [
            *run,
            "train",
            str(FILE),
            "--target",
            "Churn",
            "--positive",
            "Yes",
            "--trials",
            "1",
            "--out",
            str(tmp_path / "m"),
        ],
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout)["task"] == "binary"
    subprocess.run(
        [*run, "predict", str(tmp_path / "m"), str(FILE), "--out", str(tmp_path / "s.csv"), "--reasons", "2"],
        check=True,
        capture_output=True,
    )
    scores = pd.read_csv(tmp_path / "s.csv")
    assert list(scores.columns) == ["prediction", "probability_No", "probability_Yes", "reason_1", "reason_2"]
    assert len(scores) == 1600


def test_the_command_line_refuses_with_one_sentence_and_status_two(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "einstein.ml", "train", str(FILE), "--target", "Nope", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and done.stderr.startswith("There is no field named Nope.")


@pytest.mark.parametrize("asked", ["1", "1.0", " 1 "])
def test_the_positive_answer_may_be_asked_for_as_another_spelling_of_the_same_number(asked):
    from einstein.ml.outcome import read_outcome

    outcome = read_outcome("repaid", pd.Series(["1.0", "0.0"] * 60), "binary", asked)
    assert outcome.classes == ["0.0", "1.0"]
