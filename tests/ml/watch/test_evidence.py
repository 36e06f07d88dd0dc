"""The statistics behind alarms: chance alone raises none, and what is told is right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from einstein.ml.schema import FieldSpec
from einstein.ml.watch import Settings, Watcher
from einstein.ml.watch.content import Content, content_hash, record_hashes
from einstein.ml.watch.evidence import root_likelihood
from einstein.ml.watch.table import Batch, as_text


@given(st.integers(20, 2000), st.floats(0.001, 0.5), st.integers(0, 12))
def test_a_share_is_judged_about_as_the_exact_binomial_would(rows, usual, extra):
    """The signed root of the likelihood ratio stays within half a standard error of the exact tail (mid-p)."""
    count = min(rows, round(rows * usual) + extra)
    z = float(root_likelihood(np.array([count / rows]), np.array([usual]), np.array([float(rows)]))[0])
    exact = norm.isf(binom.sf(count, rows, usual) + 0.5 * binom.pmf(count, rows, usual))
    if abs(exact) < 7:
        assert abs(z - exact) < 0.5


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.integers(30, 400), st.sampled_from(["normal", "lognormal", "zeros", "discrete"]))
def test_days_drawn_from_the_same_source_raise_no_alarm(seed, rows, kind):
    random = np.random.default_rng(seed)

    def draw(count: int) -> pd.DataFrame:
        normal = random.normal(0, 1, count)
        values = {
            "normal": normal,
            "lognormal": np.exp(2 * normal),
            "zeros": np.where(normal > 0.8, normal * 100, 0.0),
            "discrete": np.round(normal),
        }[kind]
        return pd.DataFrame(
            {
                "value": values,
                "answer": random.choice(["a", "b", "c", "d"], count, p=[0.6, 0.3, 0.08, 0.02]),
                "score": 1 / (1 + np.exp(-normal)),
            }
        )

    watcher = Watcher(draw(2000), Settings("score", weekly=False))
    assert [line for _ in range(6) for line in watcher.look(draw(rows))] == []


@given(st.lists(st.tuples(st.integers(-5, 5), st.text("ab", max_size=2)), min_size=1, max_size=40), st.randoms())
def test_content_is_the_same_in_any_order_and_notation(records, shuffler):
    table = pd.DataFrame(records, columns=["n", "t"])
    other = table.sample(frac=1, random_state=shuffler.randrange(1 << 30)).astype({"n": "float64"})
    one, two = (content_hash(record_hashes(Batch.of(part), ["n", "t"])) for part in (table, other))
    assert one == two
    changed = table.assign(n=table.n + 1)
    assert content_hash(record_hashes(Batch.of(changed), ["n", "t"])) != one


def test_whole_numbers_are_written_alike_whatever_their_type():
    assert (
        as_text(pa.array([1.0, 20.0, None])).to_pylist()
        == as_text(pa.array([1, 20, None])).to_pylist()
        == ["1", "20", None]
    )
    assert as_text(pa.array([1.5, float("nan")])).to_pylist() == ["1.5", None]


@pytest.mark.parametrize(
    "odd",
    [
        pd.DataFrame({"n": [{"a": 1}, [2], None]}),
        pd.DataFrame({"n": [b"x", "\ud800", 3]}),
        pd.DataFrame({"n": [10**400, 2, 3]}),
        pd.DataFrame(),
    ],
)
def test_any_table_can_be_read(odd):
    batch = Batch.of(odd)
    for spec in (FieldSpec("n", "number", {"decimal": "."}), FieldSpec("n", "category"), FieldSpec("n", "text")):
        if "n" in batch.columns:
            assert len(batch.read(spec).blank) == batch.rows


def test_repeats_are_strange_only_beyond_what_drawing_from_the_stock_brings():
    reference = Batch.of(pd.DataFrame({"id": range(2000)}))
    content = Content(["id"], "id", reference)
    random = np.random.default_rng(0)
    for number in range(6):
        drawn = Batch.of(pd.DataFrame({"id": random.integers(0, 400, 300)}))
        found = content.look(drawn, number)
        assert not (found.keys_strange or found.rows_strange or found.doubled)
    heavy = Batch.of(pd.DataFrame({"id": np.concatenate([random.integers(0, 400, 150), np.zeros(150, dtype=int)])}))
    assert content.look(heavy, 7).keys_strange
