"""Numbers to learn: log scales, and values that cannot be true."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from einstein.ml.scale import Scale, fences, log_may_help

numbers = (
    st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=5, max_size=60)
    .filter(lambda values: len(set(values)) > 3)
    .map(np.array)
)


@given(numbers)
def test_there_and_back_gives_the_number_or_its_fence(target):
    scale = Scale.fitted(target)
    assert np.allclose(scale.back(scale.forward(target)), np.clip(target, scale.low, scale.high), rtol=1e-6, atol=1e-3)


@given(numbers.map(np.abs))
def test_a_log_scale_goes_there_and_back_too(target):
    scale = Scale.fitted(target, log=True)
    assert np.allclose(scale.back(scale.forward(target)), np.clip(target, scale.low, scale.high), rtol=1e-5, atol=1e-2)


def test_one_absurd_salary_does_not_move_the_others():
    salaries = np.append(np.random.default_rng(0).normal(50_000, 9_000, 500), 9.9e12)
    scale = Scale.fitted(salaries)
    assert scale.unit < 15_000
    assert scale.back(np.array([1e6]))[0] < 3e5


def test_a_prediction_stays_near_what_was_seen():
    scale = Scale.fitted(np.linspace(10, 20, 100))
    assert scale.back(np.array([-99.0, 99.0])).tolist() == [9.02, 20.98]


def test_a_log_scale_is_tried_for_skewed_amounts_only():
    random = np.random.default_rng(0)
    assert log_may_help(random.lognormal(10, 1, 500))
    assert not log_may_help(random.normal(10, 1, 500))
    assert not log_may_help(-random.lognormal(10, 1, 500))


def test_without_spread_the_fences_are_the_ends():
    assert fences(np.array([1.0] * 50 + [3.0])) == (1.0, 3.0)
