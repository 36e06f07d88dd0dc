"""A table that is the one before with few changes: its fields stay what they were, and what does break is still seen."""

from __future__ import annotations

import pytest

from apps.datasets import contract, field_looks
from apps.datasets.models import Field
from apps.datasets.records import newest_snapshot
from tests.datasets.test_contract import as_bytes, changed, come, promised, table  # noqa: F401 fixtures

ROWS = 240


def some(share: float, how):
    """Change so many of the values, spread over the table."""
    every = round(1 / share)
    return lambda value, number: how(value) if number % every == 0 else value


def types(dataset) -> dict[str, str]:
    return {field.name: field.type for field in Field.objects.filter(dataset=dataset)}


@pytest.fixture
def searched(monkeypatch):
    """Which fields were guessed anew, and how often a table was searched for fields in disguise."""
    seen = {"guessed": [], "matched": 0}
    detect, match = field_looks.detect, contract.match
    monkeypatch.setattr(field_looks, "detect", lambda name, *rest: seen["guessed"].append(name) or detect(name, *rest))

    def counted(*given):
        seen["matched"] += 1
        return match(*given)

    monkeypatch.setattr("apps.datasets.intake.match", counted)
    return seen


def test_with_few_changes_nothing_is_guessed_again(promised, come, searched):  # noqa: F811
    before = types(promised)
    outcome = come(as_bytes(changed("Orders", some(1 / 8, lambda value: "99"))(table())))
    assert (outcome["result"], outcome["changed"]) == ("snapshot", 30)
    assert searched == {"guessed": [], "matched": 0}
    assert types(promised) == before
    assert Field.objects.get(dataset=promised, name="Orders").profile["max"] == 99.0


def test_with_many_changes_the_table_is_looked_at_as_a_new_one(promised, come, searched):  # noqa: F811
    outcome = come(as_bytes(changed("Orders", some(1 / 2, lambda value: "99"))(table())))
    assert (outcome["result"], outcome["changed"]) == ("snapshot", 120)
    assert searched["matched"] == 1
    assert "Orders" in searched["guessed"]


def test_a_field_that_no_longer_reads_as_well_is_guessed_anew_though_few_records_changed(promised, come, searched):  # noqa: F811
    come(as_bytes(changed("Signed up", some(1 / 10, lambda value: "2024-03-01"))(table())))
    assert set(searched["guessed"]) == {"Signed up"}
    profile = Field.objects.get(dataset=promised, name="Signed up").profile
    assert (types(promised)["Signed up"], profile["unreadable"]) == ("date", 0)


def test_a_field_does_not_become_another_kind_of_thing_over_a_few_records(promised, come):  # noqa: F811
    come(as_bytes(changed("E-mail", some(1 / 6, lambda value: "unknown"))(table())))
    assert types(promised)["E-mail"] == "email"


def test_a_type_that_somebody_chose_stays_chosen(promised, come, owner):  # noqa: F811
    from apps.datasets.fields import choose_type

    choose_type(Field.objects.get(dataset=promised, name="Orders"), "category", owner)
    come(as_bytes(changed("Region", some(1 / 8, lambda value: "East"))(table())))
    orders = Field.objects.get(dataset=promised, name="Orders")
    assert (orders.type, orders.detected_type) == ("category", "number")
    assert orders.profile["top"]


def test_a_part_of_the_table_alone_is_held_as_before(promised, come):  # noqa: F811
    assert come(as_bytes(table()[:100]))["result"] == "held"
    assert newest_snapshot(promised).number == 1


def test_a_field_that_changes_a_little_each_night_is_guessed_anew_in_the_end(promised, come, searched):  # noqa: F811
    rows = [row | {"Plan": f"Plan {number % 20}"} for number, row in enumerate(table())]
    come(as_bytes(rows))
    guesses = []
    for night in range(3):
        searched["guessed"].clear()
        for place in range(2):
            rows[100 + 2 * night + place]["Plan"] = f"Special {night} {place}"
        come(as_bytes(rows))
        guesses.append("Plan" in searched["guessed"])
    assert guesses == [False, False, True]  # 20 different answers when it was guessed, then 22, 24 and 26
    assert Field.objects.get(dataset=promised, name="Plan").profile["guessed"]["distinct"] == 26
