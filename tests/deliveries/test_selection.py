"""Which records a rule means: once per crossing, new records coming from below."""

from __future__ import annotations

import pandas as pd
import pytest

from apps.deliveries.selection import CONDITIONS, as_records, selected
from apps.deliveries.which import Which
from apps.scoring.score import newest_run
from tests.deliveries.conftest import reasons_in_words


def keys(run, base, which: Which) -> list[str]:
    with selected(run, base, which) as relation:
        return [row["key"] for row in as_records(relation)]


@pytest.fixture
def two_runs(scored, score_again, history):
    """The highest record falls to .05, the lowest rises to .95, the rest stays; a new record comes at .7."""
    base, top, low = newest_run(scored), history["key"].iloc[0], history["key"].iloc[-1]

    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table["key"] == top, ["value", "band"]] = [0.05, "low"]
        table.loc[table["key"] == low, ["value", "band"]] = [0.95, "high"]
        return pd.concat([table, table.iloc[[0]].assign(key="NEW", value=0.7, band="high")], ignore_index=True)

    return base, score_again(change), top, low


def test_the_words_of_reasons_are_those_of_the_engine(scored, history):
    with selected(newest_run(scored), None, Which()) as relation:
        rows = as_records(relation)
    assert len(rows) == len(history)
    wrong = [row["key"] for row in rows if row["words"] != "; ".join(reasons_in_words(row))]
    assert wrong == []


def test_all_are_all_the_highest_first(scored, history):
    assert keys(newest_run(scored), None, Which()) == history["key"].tolist()


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (Which("changed"), {"top", "low"}), (Which("enters", band="high"), {"low", "NEW"}), (Which("enters", band="low"), {"top"}),
        (Which("rises", limit=0.9), {"low"}), (Which("rises", limit=0.6), {"low", "NEW"}), (Which("falls", limit=0.1), {"top"}),
        (Which("jumps", limit=0.4), {"top", "low"}), (Which("top", count=1), {"low"}),
    ],
)  # fmt: skip
def test_a_rule_means_what_has_crossed_since_the_run_before(two_runs, which, expected):
    base, run, top, low = two_runs
    names = {top: "top", low: "low", "NEW": "NEW"}
    found = {names.get(key, key) for key in keys(run, base, which)}
    assert found == expected


@pytest.mark.parametrize("kind", [kind for kind in CONDITIONS if kind not in {"all", "top"}])
def test_a_rule_says_nothing_without_a_run_before_and_nothing_twice(two_runs, kind):
    base, run, _, _ = two_runs
    which = Which(kind, limit=0.2)
    assert keys(run, None, which) == []
    assert keys(run, run, which) == []
