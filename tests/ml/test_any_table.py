"""Whatever table is scored, and however the learning table is made: there is an answer, and never a stack trace."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einstein.ml.artifact import load_model
from einstein.ml.scorer import score
from einstein.ml.train import TrainRequest, train

cells = st.one_of(
    st.none(), st.integers(), st.floats(), st.booleans(), st.text(max_size=10), st.dates(), st.just(["a", 1])
)


@settings(max_examples=60)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["tenure", "Contract", "TotalCharges", "gender", "other"]), cells), max_size=4
    )
)
def test_records_of_any_types_are_scored(trained, records):
    model = load_model(trained[0])
    found = score(model, pd.DataFrame(records, dtype="object"), 2)
    assert len(found.value) == len(pd.DataFrame(records, dtype="object")) and np.isfinite(found.value).all()


def test_a_table_without_any_known_field_gets_the_same_score_for_all(trained):
    found = score(load_model(trained[0]), pd.DataFrame({"nothing": ["a", "b", "c"]}), 3)
    assert len(set(found.value.tolist())) == 1


def made(kind: str) -> tuple[pd.DataFrame, TrainRequest]:
    random = np.random.default_rng(0)
    size = 300
    number = random.normal(size=size)
    table = pd.DataFrame({"x": number.round(3), "group": random.choice(["a", "b", "c"], size)}).astype(str)
    answers = np.where(number + random.normal(0, 0.5, size) > 0, "yes", "no")
    request = TrainRequest("y", trials=4, threads=1)
    if kind == "one absurd salary":
        amounts = np.exp(10 + 0.4 * number)
        amounts[7] = 1e15
        return table.assign(y=amounts.round(2).astype(str)), request
    if kind == "rare answers among several":
        answers = np.where(number > 1.9, "rare", np.where(number > 0, "up", "down"))
        answers[3] = "once"
        return table.assign(y=answers), TrainRequest("y", task="multiclass", trials=4, threads=1)
    if kind == "blank column and odd names":
        return table.assign(y=answers, **{"": None, 'say "no" {x}': number.astype(str), "a[b]<c>": "1"}), request
    if kind == "one field of text":
        words = np.where(answers == "yes", "happy to stay with you", "never again with them")
        return pd.DataFrame(
            {"note": [f"{word} said customer {i}" for i, word in enumerate(words)], "y": answers}
        ), request
    if kind == "all fields blank in the newest records":
        dates = pd.date_range("2024-01-01", periods=size).strftime("%Y-%m-%d")
        table = table.assign(y=answers, when=dates)
        table.loc[table.index[-60:], "x"] = None
        return table, TrainRequest("y", time_field="when", trials=4, threads=1)
    return table.assign(y=random.choice(["yes", "no"], size)), request


@pytest.mark.parametrize("kind", ["rare answers among several", "blank column and odd names", "one field of text"])
def test_awkward_tables_are_learnt_from(kind, tmp_path):
    table, request = made(kind)
    card = train(table, request, tmp_path)["scorecard"]
    assert card["grade"] in "ABCD", card["verdict"]
    again = score(load_model(tmp_path), table.drop(columns=["y"]), 2)
    assert np.isfinite(again.value).all() and len(again.value) == len(table)


def test_one_absurd_salary_drives_no_prediction_out_of_the_others_range(tmp_path):
    table, request = made("one absurd salary")
    train(table, request, tmp_path)
    said = score(load_model(tmp_path), table.drop(columns=["y"]), 0).value
    others = table["y"].astype(float).drop(index=7)
    assert others.min() <= said.min() and said.max() < 3 * others.max()


def test_what_the_newest_records_no_longer_hold_is_said_to_be_of_no_use(tmp_path):
    table, request = made("all fields blank in the newest records")
    assert train(table, request, tmp_path)["scorecard"]["grade"] == "E"


def test_pure_chance_is_called_no_better_than_guessing(tmp_path):
    table, request = made("chance")
    card = train(table, request, tmp_path)["scorecard"]
    assert card["grade"] == "E"
    assert card["verdict"].startswith("This is no better than guessing, because")
