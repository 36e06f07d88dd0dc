"""Field types: what is detected, and what is read."""

from __future__ import annotations

import pandas as pd
import pytest

from einstein.ml.schema import detect, parse
from einstein.ml.types import registry

CASES = [
    ("Churn", ["Yes", "No"] * 30, "yes_no"),
    ("aktiv", ["ja", "nein"] * 30, "yes_no"),
    ("Income", ["$84,835.00 ", "$57,091.00 "] * 30, "money"),
    ("rate", ["12 %", "3,5 %"] * 30, "percent"),
    ("since", ["24.12.2023", "01.02.2024"] * 30, "date"),
    ("when", ["3/18/2009", "12/31/2010"] * 30, "date"),
    ("zipcode", ["01067", "98103"] * 30, "postal_code"),
    ("mail", [f"p{i}@x.example" for i in range(60)], "email"),
    ("site", [f"https://x.example/{i}" for i in range(60)], "url"),
    ("country", ["Germany", "France"] * 30, "country"),
    ("customerID", [f"{i:04d}-ABCDE" for i in range(60)], "id"),
    ("tenure", [str(i % 30) for i in range(60)], "number"),
    ("plan", ["One year", "Two year", "Month-to-month"] * 20, "category"),
    ("note", [f"The customer called about topic {i} and was not pleased" for i in range(60)], "text"),
]


@pytest.mark.parametrize(
    ("name", "values", "expected"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_type_of_a_field_is_found(name, values, expected):
    assert detect(name, pd.Series(values, dtype="object")).type == expected


def test_day_and_month_are_settled_on_the_whole_field():
    values = pd.Series(["03/04/2024", "25/04/2024"] * 20, dtype="object")
    assert parse(values, detect("day", values)).iloc[0] == pd.Timestamp(2024, 4, 3)


def test_decimal_commas_and_thousands_marks_are_read():
    values = pd.Series(["1.234,50", "2,5", "-3.000,00"] * 20, dtype="object")
    assert parse(values, detect("Wert", values)).head(3).tolist() == [1234.5, 2.5, -3000.0]


def test_infinities_and_error_words_count_as_blank():
    values = pd.Series(["1", "inf", "#N/A", "1e400"], dtype="object")
    assert parse(values, detect("x", values, "number")).notna().tolist() == [True, False, False, False]


@pytest.mark.parametrize("name", registry())
def test_every_type_reads_anything_without_an_error_and_keeps_the_length(name):
    values = pd.Series(["", None, "x", "1", "2024-01-01", "ja", "=1+1", "\u0000"], dtype="object")
    assert len(parse(values, detect("f", values, name))) == len(values)


@pytest.mark.parametrize("value", ["2026-11-25 22:20:29.123456", "100000000000000001", "1e300", "-5"])
def test_a_field_that_always_holds_the_same_large_value_is_profiled(value):
    from einstein.ml.profile import profile_field

    values = pd.Series([value] * 40)
    facts = profile_field(values, detect("field", values))
    assert sum(facts.get("histogram", [40])) == 40
