"""What came true against what was said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einstein.ml.auc import auc, auc_error
from einstein.ml.came_true import LEAST, measure

CARD = {"value": 0.75, "low": 0.72, "high": 0.78}


def chances(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are right: each comes true as often as it says."""
    random = np.random.default_rng(seed)
    said = random.beta(1.2, 2.5, count)
    return said, (random.random(count) < said).astype(float)


def test_scores_that_come_true_as_often_as_they_say_are_fine():
    found = measure("binary", *chances(600), CARD)
    assert found.worse == "" and found.count == 600
    assert found.low < found.value < found.high and abs(found.said - found.came) < 0.05


def test_right_scores_are_called_wrong_hardly_ever():
    assert sum(bool(measure("binary", *chances(150, seed), CARD).worse) for seed in range(12)) == 0


def test_chances_far_from_what_came_are_told_though_the_order_is_right():
    said, came = chances(600)
    found = measure("binary", said / 3, came, CARD)
    assert found.worse == "level" and found.came > 2 * found.said


def test_an_order_that_is_no_better_than_chance_is_told():
    said, came = chances(600)
    assert measure("binary", np.random.default_rng(1).permutation(said), came, CARD).worse == "metric"


def test_errors_twice_as_large_as_the_scorecards_are_told():
    random = np.random.default_rng(2)
    truth = random.normal(100, 20, 300)
    card = {"value": 4.0, "low": 3.7, "high": 4.3}
    assert measure("regression", truth + random.normal(0, 5, 300), truth, card).worse == ""
    assert measure("regression", truth + random.normal(0, 10, 300), truth, card).worse == "metric"


def test_answers_among_several_are_told_by_how_many_were_right():
    random = np.random.default_rng(3)
    said = random.uniform(0.5, 0.9, 400)
    right = (random.random(400) < said).astype(float)
    assert measure("multiclass", said, right, {"value": 0.7, "low": 0.66, "high": 0.74}).worse == ""
    assert measure("multiclass", said, 1 - right, {"value": 0.7, "low": 0.66, "high": 0.74}).worse == "metric"


@pytest.mark.parametrize(("count", "yes"), [(LEAST - 1, 20), (400, 5), (0, 0)])
def test_too_few_outcomes_say_nothing(count, yes):
    came = np.zeros(count)
    came[:yes] = 1
    assert measure("binary", np.full(count, 0.2), came, CARD) is None


@settings(max_examples=12)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=LEAST, max_size=120))
def test_whatever_is_said_and_comes_gives_finite_numbers_or_nothing(pairs):
    said, came = np.array([pair[0] for pair in pairs]), np.array([float(pair[1]) for pair in pairs])
    found = measure("binary", said, came, CARD)
    assert found is None or np.isfinite([found.value, found.low, found.high, found.said, found.came]).all()


def test_the_error_of_the_area_is_what_resampling_shows():
    said, came = chances(300)
    random = np.random.default_rng(4)
    draws = [auc(came[rows], said[rows]) for rows in (random.integers(0, 300, 300) for _ in range(400))]
    assert auc_error(came, said) == pytest.approx(np.std(draws), rel=0.15)
