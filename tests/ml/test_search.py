"""The search: the simple model first, within its time, and the same for the same seed."""

from __future__ import annotations

import time

import numpy as np
import pytest

from einstein.ml.blend import calibrated, choose_blend, fit_calibration
from einstein.ml.folds import Fold, Folds, splits_of
from einstein.ml.judge import Judge, log_loss
from einstein.ml.members.base import Job
from einstein.ml.search import portfolio, search
from einstein.ml.trials import Trial

JOB = Job("binary", 2, threads=1)


def folds_of(size: int = 300, job: Job = JOB) -> Folds:
    random = np.random.default_rng(0)
    features = random.normal(size=(size, 4)).astype("float32")
    signal = features[:, 0] + random.normal(0, 0.7, size)
    target = np.exp(signal * 2) if job.task == "regression" else (signal > 0).astype(int)
    parts = splits_of(target, job)
    return Folds(
        [Fold(learn, hold, features[learn], features[hold], [["f"]] * 4, early) for learn, hold, early in parts],
        target,
        job,
    )


def run(most: int | None, seconds: float = 60.0, job: Job = JOB):
    end = time.monotonic() + seconds
    return search(folds_of(job=job), lambda found: end, most, lambda counts: None)


def test_the_simple_model_is_first_and_always_there():
    found = run(None, seconds=0.0)
    assert [trial.kind for trial in found.trials] == ["linear"]


def test_a_number_of_trials_is_kept_exactly_and_gives_the_same_result_again():
    first, again = run(14), run(14)
    assert len(first.trials) == 14
    assert [trial.loss for trial in first.trials] == [trial.loss for trial in again.trials]


def test_after_the_known_settings_flaml_searches_around_the_best():
    found = run(14)
    known = [config for _, config in portfolio(300, JOB)]
    assert found.trials[-1].config not in known
    assert set(found.trials[-1].config) == set(
        next(config for kind, config in portfolio(300, JOB) if kind == found.trials[-1].kind)
    )


def test_skewed_amounts_are_tried_on_a_log_scale_and_judged_in_their_own_unit():
    found = run(4, job=Job("regression", threads=1))
    assert {trial.config.get("log") for trial in found.trials if trial.kind == "lgbm"} == {True, False}
    assert all(trial.loss < 1.2 for trial in found.trials)


def test_progress_names_kinds_and_the_best_so_far():
    told: list[dict] = []
    search(folds_of(), lambda found: float("inf"), 3, told.append)
    assert [counts["tried"] for counts in told] == [1, 2, 3]
    assert told[-1]["best"] >= told[0]["best"] > 0.6


def trial(chance: np.ndarray, judge: Judge) -> Trial:
    guess = np.column_stack([1 - chance, chance])
    return Trial("linear", {}, guess, judge.loss(judge.told(guess)), judge.quality(guess), 0, 1.0)


def held_out(target: np.ndarray) -> Folds:
    nothing = np.zeros((0, 1), dtype="float32")
    rows = np.arange(len(target))
    return Folds([Fold(rows[:0], rows, nothing, nothing, [["f"]])], target, JOB)


@pytest.fixture
def truth():
    random = np.random.default_rng(1)
    chance = random.uniform(0.05, 0.95, 3000)
    return chance, (random.random(3000) < chance).astype(int)


def test_a_blend_of_two_halves_of_the_truth_beats_either(truth):
    chance, target = truth
    random = np.random.default_rng(2)
    folds = held_out(target)
    noisy = [np.clip(chance + random.normal(0, 0.15, len(chance)), 0.02, 0.98) for _ in range(2)]
    trials = [trial(guess, folds.judge) for guess in noisy]
    blend = choose_blend(trials, folds)
    assert len(blend.parts) == 2
    assert sum(weight for _, weight in blend.parts) == pytest.approx(1)
    mixed = sum(weight * one.guess for one, weight in blend.parts)
    assert folds.judge.loss(folds.judge.told(mixed)) < min(one.loss for one in trials)


def test_a_useless_trial_gets_no_weight(truth):
    chance, target = truth
    folds = held_out(target)
    trials = [trial(chance, folds.judge), trial(np.full(len(chance), 0.5), folds.judge)]
    assert [one for one, _ in choose_blend(trials, folds).parts] == trials[:1]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_part_of_the_records_is_judged_by_the_same_measure(task):
    random = np.random.default_rng(0)
    target = (
        random.normal(size=200) if task == "regression" else random.integers(0, 3 if task == "multiclass" else 2, 200)
    )
    guess = target + 0.1 if task == "regression" else random.dirichlet(np.ones(3 if task == "multiclass" else 2), 200)
    judge = Judge(target, Job(task, 3))
    told = judge.told(guess)
    rows = np.arange(200)
    assert judge.loss(told) == pytest.approx(judge.loss(told[rows], rows))
    expected = 0.01 / target.var() if task == "regression" else log_loss(target, guess)
    assert judge.loss(told) == pytest.approx(expected)


def test_where_order_counts_the_own_time_and_later_ones_weigh_the_same():
    target = np.array([0.0, 2.0, 0.0, 2.0])
    judge = Judge(target, Job("regression", ordered=True), early=2)
    assert judge.loss(np.array([0.5, 1.5, 1.0, 1.0])) == pytest.approx(0.5)  # of a quarter and one
    assert judge.later_loss(np.array([0.5, 1.5, 1.0, 1.0])) == pytest.approx(1.0)
    assert judge.quality(np.array([0.5, 1.5, 1.0, 1.0])) == pytest.approx(0.0)
    assert judge.loss(np.array([0.5, 1.0]), np.array([0, 2])) == pytest.approx(0.5)


def test_where_answers_are_wrong_now_and_then_nothing_is_quite_sure():
    random = np.random.default_rng(0)
    chance = random.beta(0.3, 0.3, 20_000)
    target = (random.random(20_000) < 0.04 + 0.92 * chance).astype(int)
    guess = np.column_stack([1 - chance, chance])
    found = fit_calibration(guess, target, JOB)
    assert found["low"] == pytest.approx(0.04, abs=0.01)
    assert found["high"] == pytest.approx(0.04, abs=0.01)
    assert calibrated(guess, found, JOB)[:, 1].max() < 0.97


def test_overconfident_chances_are_calibrated_and_honest_ones_are_left_alone(truth):
    chance, target = truth
    margin = 2.0 * np.log(chance / (1 - chance))
    sharp = 1 / (1 + np.exp(-margin))
    guess = np.column_stack([1 - sharp, sharp])
    found = fit_calibration(guess, target, JOB)
    assert found["slope"] == pytest.approx(0.5, abs=0.1)
    assert log_loss(target, calibrated(guess, found, JOB)) < log_loss(target, guess)
    assert fit_calibration(np.column_stack([1 - chance, chance]), target, JOB) == {}
