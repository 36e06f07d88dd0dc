"""Fast reasons agree with exact tree SHAP."""

from __future__ import annotations

import numpy as np
import pytest

from einstein.ml.artifact import load_model, outputs_of
from einstein.ml.explain import strongest
from einstein.ml.explainer import MOST_EXACT, fit_explainer
from einstein.ml.members import FAMILIES
from einstein.ml.members.base import Job, Practice
from einstein.ml.part import Part
from einstein.ml.search import portfolio


@pytest.fixture(scope="module", params=["lgbm", "catboost", "xgboost", "extra_tree"])
def explained(request):
    random = np.random.default_rng(0)
    features = random.normal(size=(1500, 8)).astype("float32")
    target = (features[:, 0] + features[:, 1] * features[:, 2] + random.normal(0, 0.5, 1500) > 0).astype(int)
    job = Job("binary", 2, threads=1)
    config = next(config for name, config in portfolio(1500, job) if name == request.param) | {"rounds": 60}
    member = FAMILIES[request.param](job).fit(features[:1000], target[:1000], config, Practice()).freeze()
    zeros = np.zeros(1500, dtype=int)
    parts = [Part(member, 1.0)]
    explainer = fit_explainer(parts, np.eye(8), features[:1000], zeros[:1000], None, job)
    return explainer, parts, features[1000:], zeros[1000:]


def test_the_first_reason_is_nearly_always_the_exact_one(explained):
    explainer, parts, features, output = explained
    fast, exact = explainer.effects(parts, features, output), parts[0].contributions(features, output)
    assert (np.abs(fast).argmax(axis=1) == np.abs(exact).argmax(axis=1)).mean() > 0.75
    top = strongest(np.abs(fast), 2)
    assert (np.sign(np.take_along_axis(fast, top, 1)) == np.sign(np.take_along_axis(exact, top, 1))).mean() > 0.95


def test_a_record_alone_gets_the_reasons_it_gets_in_a_batch(explained):
    explainer, parts, features, output = explained
    batch = explainer.effects(parts, features, output)
    alone = np.vstack([explainer.effects(parts, features[row : row + 1], output[:1]) for row in range(20)])
    assert np.allclose(alone, batch[:20], atol=1e-4)


def test_a_model_without_trees_has_no_tables():
    job = Job("binary", 2, threads=1)
    features = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
    member = FAMILIES["linear"](job).fit(features, (features[:, 0] > 0).astype(int), {}, Practice())
    assert fit_explainer([Part(member, 1.0)], np.eye(3), features, np.zeros(200, dtype=int), None, job) is None


def test_reasons_of_the_model_that_ships_agree_with_its_exact_ones(trained, table):
    model = load_model(trained[0])
    features = model.encoder.transform_table(table.head(400))
    guess = model.predict(features)
    fast, exact = model.effects(features, guess), model.exact_effects(features, outputs_of(model.job, guess))
    assert (np.abs(fast).argmax(axis=1) == np.abs(exact).argmax(axis=1)).mean() > 0.8


def test_a_class_that_no_sampled_record_was_predicted_as_is_explained_all_the_same():
    random = np.random.default_rng(0)
    features = random.normal(size=(600, 3)).astype("float32")
    job = Job("multiclass", 3, threads=1)
    config = next(config for name, config in portfolio(600, job) if name == "lgbm") | {"rounds": 20}
    member = FAMILIES["lgbm"](job).fit(features, random.integers(0, 3, 600), config, Practice()).freeze()
    zeros = np.zeros(600, dtype=int)
    parts = [Part(member, 1.0)]
    explainer = fit_explainer(parts, np.eye(3), features, zeros, None, job)
    assert np.isfinite(explainer.effects(parts, features[:5], np.array([0, 1, 2, 2, 1]))).all()


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_catboost_model_is_explained_exactly_by_its_leaves(task):
    random = np.random.default_rng(0)
    features = random.normal(size=(500, 4)).astype("float32")
    features[random.random(features.shape) < 0.1] = np.nan
    signal = np.nan_to_num(features[:, 0] * features[:, 1]) + np.nan_to_num(features[:, 2])
    target = signal if task == "regression" else np.digitize(signal, [0] if task == "binary" else [-1, 1])
    job = Job(task, {"binary": 2, "multiclass": 3, "regression": 0}[task], threads=1)
    config = {"rounds": 40, "depth": 6, "rate": 0.2, "l2": 1.0, "columns": 0.8, "random": 1.0}
    parts = [Part(FAMILIES["catboost"](job).fit(features, target, config, Practice()), 0.5)]
    output = target if task == "multiclass" else np.zeros(500, dtype=int)
    explainer = fit_explainer(parts, np.eye(4), features, output, None, job)
    exact = parts[0].contributions(features, output)
    assert np.allclose(explainer.effects(parts, features, output), exact, atol=1e-5)
    assert np.allclose(explainer.effects(parts, features[:1], output[:1]), exact[:1], atol=1e-5)


def test_trees_that_the_tables_have_no_room_for_are_learnt_from_a_sample():
    random = np.random.default_rng(0)
    features = random.normal(size=(2000, 6)).astype("float32")
    target = (features[:, 0] + features[:, 1] * features[:, 2] + random.normal(0, 0.5, 2000) > 0).astype(int)
    job, zeros = Job("binary", 2, threads=1), np.zeros(2000, dtype=int)
    config = {"rounds": 500, "depth": 4, "rate": 0.03, "l2": 3.0, "columns": 0.8, "random": 1.0}
    parts = [Part(FAMILIES["catboost"](job).fit(features, target, config, Practice()), 1.0)]
    explainer = fit_explainer(parts, np.eye(6), features[:1000], zeros[:1000], None, job)
    assert explainer.trees == [(0, MOST_EXACT)]
    fast, exact = (
        explainer.effects(parts, features[1000:], zeros[1000:]),
        parts[0].contributions(features[1000:], zeros[1000:]),
    )
    assert np.abs(fast - exact).mean() < 0.05 * np.abs(exact).mean()
