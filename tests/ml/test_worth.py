"""Doubtful fields have to earn their place, and where order counts settings are judged by the newest records."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from einstein.ml.features import read_columns
from einstein.ml.folds import make_folds, splits_of
from einstein.ml.members.base import Job
from einstein.ml.schema import detect_all
from einstein.ml.worth import worthless_fields

NEVER = float("inf")


@pytest.fixture
def table():
    """A number that tells the answer, a text that tells it too, and a text of noise."""
    random = np.random.default_rng(0)
    size = random.normal(size=600)
    hint = random.normal(size=600)
    words = np.array(["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven"])
    noise = [" ".join(random.choice(words, 6)) + f" {number}" for number in range(600)]
    said = [
        f"customer {'complained loudly about' if value > 0 else 'praised'} the service today {number}"
        for number, value in enumerate(hint)
    ]
    frame = pd.DataFrame({"size": [f"{value:.4f}" for value in size], "said": said, "noise": noise})
    return frame, (size + 2 * hint + random.normal(size=600) > 0).astype(int)


def left_out(table: pd.DataFrame, target: np.ndarray, keep: list[str], ordered: bool = False) -> list[str]:
    job, specs = Job("binary", 2, 0, 1, ordered), detect_all(table)
    columns = read_columns(table, specs)
    folds = make_folds(columns, specs, target, target.astype(float).reshape(-1, 1), job)
    return worthless_fields(columns, specs, folds, keep, NEVER)


def test_text_that_tells_nothing_is_left_out_and_text_that_tells_something_stays(table):
    assert left_out(*table, []) == ["noise"]


def test_what_the_user_asked_to_keep_stays(table):
    assert left_out(*table, ["noise"]) == []


def test_plain_numbers_are_never_in_doubt(table):
    frame, target = table
    assert (
        left_out(
            frame[["size"]].assign(luck=[f"{value:.3f}" for value in np.random.default_rng(1).normal(size=600)]),
            target,
            [],
        )
        == []
    )


def test_the_only_field_stays_whatever_it_tells(table):
    frame, target = table
    assert left_out(frame[["noise"]], target, []) == []


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_where_order_counts_later_records_are_held_out(task):
    parts = splits_of(np.tile([0, 1], 100), Job(task, 2, ordered=True))
    assert all(learn.max() < hold[early:].min() for learn, hold, early in parts)
    assert [len(hold) - early for _, hold, early in parts] == [40, 40, 40]


def test_where_order_counts_some_early_records_are_held_out_of_the_last_part_only():
    parts = splits_of(np.tile([0, 1], 100), Job("binary", 2, ordered=True))
    learn, hold, early = parts[-1]
    assert [part[2] for part in parts] == [0, 0, early]
    assert early == 20
    assert hold[:early].max() < 80
    assert not set(learn) & set(hold)


def test_without_order_every_record_is_held_out_once():
    held = np.concatenate([hold for _, hold, _ in splits_of(np.tile([0, 1], 100), Job("binary", 2))])
    assert sorted(held) == list(range(200))
