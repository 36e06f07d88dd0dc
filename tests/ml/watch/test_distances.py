"""Distances agree with the figures of Evidently and NannyML, kept in tests/data/watch with their versions."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from einstein.ml import distances
from einstein.ml.auc import auc
from einstein.ml.watch.performance import Calibration, ErrorModel, estimated_auc
from tests.ml.watch.streams import DATA

REFERENCE, LATER = (pd.read_csv(DATA / "watch" / f"car_loan_{name}.csv.gz") for name in ("reference", "later"))
KNOWN = json.loads((DATA / "watch" / "evidently.json").read_text())["values"]
MEASURES = {
    "psi": lambda one, two: distances.psi(*distances.shares_of(one, two)),
    "js": lambda one, two: distances.js_distance(*distances.shares_of(one, two)),
    "wasserstein": distances.wasserstein,
    "ks": lambda one, two: distances.ks(one, two)[1],
    "chi_square": lambda one, two: distances.chi_square(one, two)[1],
}


@pytest.mark.parametrize("name", MEASURES)
def test_a_distance_equals_evidentlys_where_the_definition_is_the_same(name):
    compared = [item for item in KNOWN if item[3] == name]
    assert compared
    for field, first, last, _, value in compared:
        one, two = _values(REFERENCE, field), _values(LATER, field)[first:last]
        assert MEASURES[name](one, two) == pytest.approx(value, abs=1e-6), field


def _values(table: pd.DataFrame, field: str) -> np.ndarray:
    numbers = pd.api.types.is_numeric_dtype(table[field])
    return table[field].to_numpy() if numbers else table[field].astype(str).to_numpy()


def test_performance_estimated_without_outcomes_equals_nannymls():
    known = json.loads((DATA / "watch" / "nannyml.json").read_text())
    calibration = Calibration.fit(REFERENCE.repaid.to_numpy(), REFERENCE.y_pred_proba.to_numpy())
    for place, value in enumerate(known["roc_auc"]):
        score = LATER.y_pred_proba.to_numpy()[place * known["rows"] : (place + 1) * known["rows"]]
        assert estimated_auc(calibration.chance(score), score) == pytest.approx(value, abs=1e-6)


def test_the_estimate_follows_what_really_came_true():
    calibration = Calibration.fit(REFERENCE.repaid.to_numpy(), REFERENCE.y_pred_proba.to_numpy())
    for part in (slice(0, 1250), slice(1250, 2500)):
        score, hit = LATER.y_pred_proba.to_numpy()[part], LATER.repaid.to_numpy()[part]
        assert abs(estimated_auc(calibration.chance(score), score) - auc(hit, score)) < 0.02


def test_the_error_to_be_expected_is_larger_where_errors_were_larger():
    random = np.random.default_rng(0)
    features = random.uniform(0, 1, (3000, 2))
    model = ErrorModel().fit(features, random.normal(0, 0.1 + features[:, 0]))
    calm, wild = features[features[:, 0] < 0.2], features[features[:, 0] > 0.8]
    assert model.mean_error(wild) > 3 * model.mean_error(calm)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=30, max_size=200), st.lists(st.floats(-1e6, 1e6), min_size=30, max_size=200)
)
def test_distances_are_zero_only_for_equals_and_never_negative(one, two):
    first, second = np.array(one), np.array(two)
    assert distances.psi(*distances.shares_of(first, first)) == 0
    assert distances.js_distance(*distances.shares_of(first, first)) == pytest.approx(0, abs=1e-7)
    assert distances.psi(*distances.shares_of(first, second)) >= 0
    assert 0 <= distances.js_distance(*distances.shares_of(first, second), base=2) <= 1
