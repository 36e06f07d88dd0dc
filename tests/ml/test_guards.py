"""Guards catch planted leaks and leave honest fields alone. `make bench-guards` does so on many real tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from einstein.ml.guards import inspect_fields, registry
from einstein.ml.outcome import read_outcome
from einstein.ml.schema import detect_all

SIZE = 1000


def found(table: pd.DataFrame, target: str = "Churn", task: str = "binary", **extra):
    outcome = read_outcome(target, table[target], task)
    known = table[outcome.known].reset_index(drop=True)
    return {
        finding.field: finding
        for finding in inspect_fields(known, detect_all(known.drop(columns=[target])), outcome, **extra)
    }


@pytest.fixture
def honest():
    random = np.random.default_rng(0)
    churn = random.random(SIZE) < 0.3
    return pd.DataFrame(
        {
            "Churn": np.where(churn, "Yes", "No"), "tenure": (random.normal(30, 8, SIZE) - 8 * churn).round().astype(int).astype(str),
            "plan": np.where(random.random(SIZE) < 0.4 + 0.3 * churn, "monthly", "yearly"), "noise": random.normal(size=SIZE).round(3).astype(str),
        },
        dtype="object",
    )  # fmt: skip


def test_honest_fields_are_left_alone(honest):
    assert found(honest) == {}


def plant(honest: pd.DataFrame, kind: str) -> pd.Series:
    random = np.random.default_rng(1)
    yes = (honest["Churn"] == "Yes").to_numpy()
    groups = random.permutation(np.arange(SIZE) // 5)
    return pd.Series(
        {
            "copy": np.where(yes, "gone", "here"), "recoding": np.where(yes, random.choice(["a1", "a2"], SIZE), random.choice(["b1", "b2", "b3"], SIZE)),
            "filled afterwards": np.where(yes & (random.random(SIZE) < 0.9), "moved away", None), "blank afterwards": np.where(yes, None, "12.5"),
            "average": pd.Series(yes.astype(float)).groupby(groups).transform("mean").round(5).astype(str),
        }[kind], index=honest.index, dtype="object",
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["copy", "recoding", "filled afterwards", "blank afterwards", "average"])
def test_what_gives_the_outcome_away_is_left_out(honest, kind):
    finding = found(honest.assign(planted=plant(honest, kind)))["planted"]
    assert finding.certain and finding.reason.endswith(".")


def test_a_noisy_copy_is_asked_about(honest):
    flipped = np.random.default_rng(2).random(SIZE) < 0.08
    copy = np.where((honest["Churn"] == "Yes") ^ flipped, "gone", "here")
    finding = found(honest.assign(planted=copy))["planted"]
    assert not finding.certain and "before the outcome" in finding.reason


def test_a_strong_field_whose_name_sounds_like_afterwards_is_asked_about(honest):
    yes = (honest["Churn"] == "Yes").to_numpy()
    minutes = pd.Series((np.random.default_rng(3).normal(200, 80, SIZE) + 120 * yes).round().astype(int).astype(str))
    assert found(honest.assign(**{"call duration": minutes}))["call duration"].kind == "suspicious"
    assert "call length" not in found(honest.assign(**{"call length": minutes}))


def test_dates_after_the_records_own_time_are_asked_about(honest):
    days = pd.date_range("2024-01-01", periods=SIZE)
    table = honest.assign(
        seen=days.strftime("%Y-%m-%d"),
        settled=(days + pd.Timedelta(days=20)).strftime("%Y-%m-%d"),
        born=(days - pd.Timedelta(days=9000)).strftime("%Y-%m-%d"),
    )
    assert {name for name, item in found(table, time_field="seen").items() if item.kind == "later"} == {"settled"}


def test_ids_constants_and_blank_fields_tell_nothing(honest):
    table = honest.assign(customerID=[f"{i:05d}-AB" for i in range(SIZE)], country="Germany", gone=None)
    assert {name: item.kind for name, item in found(table).items()} == {
        "customerID": "id",
        "country": "constant",
        "gone": "empty",
    }


def test_of_exact_copies_the_first_stays(honest):
    assert (
        found(honest.assign(again=honest["plan"].map({"monthly": "M", "yearly": "Y"}), same=honest["plan"]))[
            "same"
        ].kind
        == "twin"
    )


def test_fields_that_are_empty_where_scores_are_wanted_are_left_out(honest):
    to_score = honest.drop(columns=["Churn"]).assign(tenure=None)
    assert found(honest, to_score=to_score)["tenure"].kind == "mismatch"


def test_a_number_that_holds_the_outcome_with_another_field_is_asked_about():
    random = np.random.default_rng(5)
    price, size, luck = random.lognormal(3, 0.5, SIZE), random.uniform(20, 200, SIZE), random.normal(size=SIZE)
    table = (
        pd.DataFrame({"price": price, "size": size, "price per size": price / size, "luck": luck}).round(4).astype(str)
    )
    assert not found(table, "price", "regression")["price per size"].certain


def test_every_guard_says_what_it_is_and_where_its_thresholds_come_from():
    assert all(guard.title and guard.source for guard in registry().values())
