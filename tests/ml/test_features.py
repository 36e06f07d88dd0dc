"""Features: the same alone as in a table, borne by whatever arrives, and never learnt from the record they describe."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from einstein.ml.features import Encoder, read_columns
from einstein.ml.features.encoder import KINDS, kind_of
from einstein.ml.schema import FieldSpec, detect_all

SIZE = 240


def table_of(seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": random.normal(100, 20, SIZE).round(2).astype(str), "plan": random.choice(["a", "b", "c"], SIZE), "member": random.choice(["yes", "no"], SIZE),
            "city": random.choice([f"town {letter}" for letter in "abcdefghijklmnopqrst"], SIZE), "cabin": [f"{random.choice(list('ABC'))}{i}" for i in random.integers(1, 150, SIZE)],
            "since": pd.date_range("2020-01-01", periods=SIZE).strftime("%Y-%m-%d"), "until": pd.date_range("2021-06-01", periods=SIZE).strftime("%d.%m.%Y"),
            "note": [f"the customer said {random.choice(['good', 'bad', 'nothing'])} things about us {i}" for i in range(SIZE)],
            "size": [f"{random.integers(1, 5)} BHK" for _ in range(SIZE)], "mail": [f"p{i}@{random.choice(['x.example', 'y.example'])}" for i in range(SIZE)],
        },
        dtype="object",
    )  # fmt: skip


@pytest.fixture(scope="module")
def fitted():
    table = table_of()
    specs = [spec for spec in detect_all(table) if spec.family != "none"]
    encoder = Encoder(specs)
    target = np.random.default_rng(1).integers(0, 2, SIZE).astype(float).reshape(-1, 1)
    encoder.fit_transform(read_columns(table, specs), target)
    return encoder, table


def test_every_kind_of_feature_is_in_the_table_under_test(fitted):
    assert {rule["kind"] for rule in fitted[0].rules} == set(KINDS)


def test_a_record_alone_has_the_features_it_has_in_a_table(fitted):
    encoder, table = fitted
    batch = encoder.transform_table(table)
    alone = np.vstack([encoder.transform_one(record) for record in table.to_dict("records")])
    assert np.array_equal(batch, alone, equal_nan=True)


values = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.sampled_from(
        ["yes", "a", "town c", "B12", "2020-02-30", "01.02.2021", "1e999", "-", "2100 - 2850", "NaN", " 5 "]
    ),
)


@settings(max_examples=150)
@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ["amount", "plan", "member", "city", "cabin", "since", "until", "note", "size", "mail", "extra"], values
        ),
    )
)
def test_whatever_arrives_alone_gets_the_features_it_would_get_in_a_table(fitted, record):
    encoder, table = fitted
    batch = encoder.transform_table(pd.DataFrame([record, table.iloc[0].to_dict()], dtype="object"))
    assert np.array_equal(batch[:1], encoder.transform_one(record), equal_nan=True)


def test_fields_the_table_lacks_count_as_blank_and_others_are_ignored(fitted):
    encoder, table = fitted
    without = encoder.transform_table(
        table.drop(columns=["plan"]).assign(extra="x")[
            ["note", "extra", "amount", "city", "cabin", "since", "until", "size", "mail", "member"]
        ]
    )
    blank = encoder.transform_table(table.assign(plan=None))
    assert np.array_equal(without, blank, equal_nan=True)


def test_no_records_give_a_matrix_without_rows(fitted):
    encoder, table = fitted
    assert encoder.transform_table(table.head(0)).shape == (0, len(encoder.owners))


def test_the_days_between_two_dates_belong_to_both(fitted):
    encoder, table = fitted
    place = encoder.owners.index(["since", "until"])
    assert encoder.transform_table(table)[0, place] == 517


def test_rules_survive_json(fitted):
    import json

    encoder, table = fitted
    again = Encoder.from_json(json.loads(json.dumps(encoder.to_json())), encoder.arrays)
    assert np.array_equal(again.transform_table(table), encoder.transform_table(table), equal_nan=True)


@pytest.mark.parametrize(
    "values",
    [[f"code {i % 60}" for i in range(SIZE)], [f"a note on matter {i % 60} of many" for i in range(SIZE)]],
    ids=["codes", "text"],
)
def test_a_pure_chance_outcome_looks_like_chance_in_features_learnt_from_it(values):
    """Without cross-fitting, the mean outcome of ever different levels would correlate strongly with luck."""
    target = np.random.default_rng(3).integers(0, 2, SIZE).astype(float)
    specs = [FieldSpec("f", "text")]
    block = Encoder(specs).fit_transform(
        read_columns(pd.DataFrame({"f": values}, dtype="object"), specs), target.reshape(-1, 1)
    )
    assert abs(np.corrcoef(block[:, 0], target)[0, 1]) < 0.25


def test_short_labels_with_digits_are_codes_and_sentences_are_text():
    table = table_of()
    specs = {spec.name: spec for spec in detect_all(table)}
    columns = read_columns(table, list(specs.values()))
    assert kind_of(specs["cabin"], columns["cabin"]) == "code"
    assert kind_of(specs["note"], columns["note"]) == "text"


def test_many_answers_also_get_a_number_each_the_most_frequent_first():
    values = pd.Series([f"town {chr(97 + number)}" for number in range(20) for _ in range(40 - number)], dtype="object")
    specs = [FieldSpec("city", "category")]
    columns = read_columns(values.to_frame("city"), specs)
    encoder = Encoder(specs)
    features = encoder.fit_transform(columns, np.zeros((len(values), 1)))
    assert encoder.groups == [features.shape[1] - 1]
    assert features[:, -1].tolist() == [float(number) for number in range(20) for _ in range(40 - number)]
    assert np.isnan(encoder.transform_one({"city": "never seen"})[0, -1])
