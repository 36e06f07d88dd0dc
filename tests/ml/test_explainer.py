"""Fast reasons agree with exact tree SHAP."""

from __future__ import annotations

import numpy as np
import pytest

from einstein.ml.artifact import load_model, outputs_of
from einstein.ml.explain import strongest
from einstein.ml.explainer import fit_explainer
from einstein.ml.members import FAMILIES
from einstein.ml.members.base import Job, Practice
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
    explainer = fit_explainer(
        [member],
        np.ones(1),
        features[:1000],
        lambda rows: member.contributions(features[rows], zeros[rows]),
        zeros[:1000],
        None,
        job,
    )
    return explainer, member, features[1000:], zeros[1000:]


def test_the_first_reason_is_nearly_always_the_exact_one(explained):
    explainer, member, features, output = explained
    fast, exact = explainer.effects([member], features, output), member.contributions(features, output)
    assert (np.abs(fast).argmax(axis=1) == np.abs(exact).argmax(axis=1)).mean() > 0.75
    top = strongest(np.abs(fast), 2)
    assert (np.sign(np.take_along_axis(fast, top, 1)) == np.sign(np.take_along_axis(exact, top, 1))).mean() > 0.95


def test_a_record_alone_gets_the_reasons_it_gets_in_a_batch(explained):
    explainer, member, features, output = explained
    batch = explainer.effects([member], features, output)
    alone = np.vstack([explainer.effects([member], features[row : row + 1], output[:1]) for row in range(20)])
    assert np.allclose(alone, batch[:20], atol=1e-4)


def test_a_model_without_trees_has_no_tables():
    job = Job("binary", 2, threads=1)
    features = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
    member = FAMILIES["linear"](job).fit(features, (features[:, 0] > 0).astype(int), {}, Practice())
    assert fit_explainer([member], np.ones(1), features, None, np.zeros(200, dtype=int), None, job) is None


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
    explainer = fit_explainer(
        [member], np.ones(1), features, lambda rows: member.contributions(features[rows], zeros[rows]), zeros, None, job
    )
    assert np.isfinite(explainer.effects([member], features[:5], np.array([0, 1, 2, 2, 1]))).all()
