"""One list of promises that every family of models keeps."""

from __future__ import annotations

import numpy as np
import pytest

from einstein.ml.members import FAMILIES
from einstein.ml.members.base import Job, Practice
from einstein.ml.members.forest import Forest
from einstein.ml.search import portfolio

TASKS = ["binary", "multiclass", "regression"]


def data(task: str):
    random = np.random.default_rng(0)
    features = random.normal(size=(400, 6)).astype("float32")
    features[random.random(features.shape) < 0.05] = np.nan
    signal = np.nan_to_num(features[:, 0]) - 2 * np.nan_to_num(features[:, 1])
    if task == "regression":
        return features, (signal + random.normal(0, 0.3, 400)) / 2
    return features, np.digitize(signal, [0] if task == "binary" else [-1, 1])


@pytest.fixture(params=[(kind, task) for kind in FAMILIES for task in TASKS], ids=lambda pair: f"{pair[0]}-{pair[1]}")
def fitted(request):
    kind, task = request.param
    job = Job(task, {"binary": 2, "multiclass": 3, "regression": 0}[task], seed=3, threads=1)
    features, target = data(task)
    config = next(config for name, config in portfolio(400, job) if name == kind) | {"rounds": 40}
    return FAMILIES[kind](job).fit(features, target, config, Practice()).freeze(), features, target, job


def test_it_answers_with_one_number_or_chances_that_add_up_to_one(fitted):
    member, features, _, job = fitted
    found = member.predict(features)
    assert found.shape == ((400,) if job.task == "regression" else (400, job.classes))
    if job.task != "regression":
        assert np.allclose(found.sum(axis=1), 1)


def test_it_has_learnt_something(fitted):
    member, features, target, job = fitted
    found = member.predict(features)
    right = np.corrcoef(found, target)[0, 1] if job.task == "regression" else (found.argmax(axis=1) == target).mean()
    assert right > 0.7


def test_what_is_read_back_answers_the_same_bit_for_bit(fitted, tmp_path):
    member, features, _, job = fitted
    member.save(tmp_path / "m")
    again = FAMILIES[member.kind](job).load(tmp_path / "m")
    assert np.array_equal(member.predict(features), again.predict(features))


def test_a_record_alone_is_answered_as_in_a_batch(fitted):
    member, features, *_ = fitted
    batch = member.predict(features)
    assert all(np.array_equal(member.predict(features[row : row + 1])[0], batch[row]) for row in range(0, 400, 37))


def test_the_field_that_matters_most_moves_most(fitted):
    member, features, _, job = fitted
    output = member.predict(features).argmax(axis=1) if job.task == "multiclass" else np.zeros(400, dtype=int)
    assert np.abs(member.contributions(features, output)).mean(axis=0).argmax() == 1


def test_a_deadline_in_the_past_still_leaves_a_model(fitted):
    member, features, target, job = fitted
    config = next(config for name, config in portfolio(400, job) if name == member.kind)
    late = FAMILIES[member.kind](job).fit(features, target, config, Practice(deadline=0.0)).freeze()
    assert np.isfinite(late.predict(features)).all()


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_class_that_a_fold_lacks_is_borne(kind):
    job = Job("multiclass", 3, threads=1)
    features, target = data("multiclass")
    config = next(config for name, config in portfolio(400, job) if name == kind) | {"rounds": 20}
    known = target != 2
    found = FAMILIES[kind](job).fit(features[known], target[known], config, Practice()).freeze().predict(features)
    assert found.shape == (400, 3) and found[:, 2].max() < 0.2


@pytest.mark.parametrize("task", TASKS)
def test_a_forest_written_as_text_answers_as_scikit_learn_does(task):
    job = Job(task, {"binary": 2, "multiclass": 3, "regression": 0}[task], threads=1)
    features, target = data(task)
    forest = Forest(job).fit(features, target, {"features": 0.5, "least": 2, "trees": 20}, Practice())
    grown = forest.predict(features)
    assert np.allclose(forest.freeze().predict(features), grown, atol=1e-9)


@pytest.mark.parametrize("task", TASKS)
def test_xgboost_written_as_text_answers_as_xgboost_does(task):
    job = Job(task, {"binary": 2, "multiclass": 3, "regression": 0}[task], threads=1)
    features, target = data(task)
    config = next(config for name, config in portfolio(400, job) if name == "xgboost") | {"rounds": 40}
    member = FAMILIES["xgboost"](job).fit(features, target, config, Practice())
    grown = member.predict(features)
    assert np.allclose(member.freeze().predict(features), grown, atol=1e-5)


@pytest.mark.parametrize("kind", ["lgbm", "linear"])
def test_numbers_of_levels_are_taken_as_names(kind):
    random = np.random.default_rng(0)
    level = random.integers(0, 20, 3000)
    features = np.column_stack([level, random.normal(size=3000)]).astype("float32")
    target = random.permutation(20)[level] % 2  # no order of the numbers tells it
    job = Job("binary", 2, threads=1)
    config = next(config for name, config in portfolio(3000, job) if name == kind) | {"rounds": 10}
    member = FAMILIES[kind](job).fit(features, target, config, Practice(groups=[0])).freeze()
    zeros = np.zeros(100, dtype=int)
    if kind == "linear":
        assert np.abs(member.contributions(features[:100], zeros)[:, 0]).max() < 1e-6
    else:
        assert "'decision_type': '=='" in str(member.booster.dump_model())
        assert ((member.predict(features)[:, 1] > 0.5) == target).mean() > 0.99
        alone = [member.predict(features[row : row + 1])[0, 1] for row in range(50)]
        assert alone == member.predict(features[:50])[:, 1].tolist()
