"""The records that a rule means in a small run are found by Arrow, in a large one by DuckDB: both mean the same."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.deliveries import selection
from apps.deliveries.selection import CONDITIONS, records_meant
from apps.deliveries.which import BANDS, Which

NAMES = ["key", "value", "predicted", "band", "reasons", "seen", "place", "before", "before_band"]
values = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0])
bands = st.sampled_from(list(BANDS))
runs = st.dictionaries(st.sampled_from(["1", "2", "a", "B", "ä", ""]), st.tuples(values, bands), max_size=6)
rules = st.builds(Which, st.sampled_from(list(CONDITIONS)), bands, values, st.integers(1, 4))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Keep a run's scores as a file, as scoring does."""
    home = tmp_path_factory.mktemp("scores")

    def keep(number: int, scores: dict[str, tuple[float, str]]) -> SimpleNamespace:
        rows = [(key, value, "No", band, "[]", True, "now") for key, (value, band) in scores.items()]
        table = pd.DataFrame(rows, columns=["key", "value", "predicted", "band", "reasons", "seen", "as_of"])
        path = home / f"{number}.parquet"
        table.astype({"value": float, "seen": bool}).to_parquet(path, index=False)
        return SimpleNamespace(id=number, scored=len(rows), history_key=path)

    return keep


@settings(max_examples=150)
@given(runs, runs, rules, st.sampled_from(["the run before", "the same run", "nothing"]))
def test_both_ways_mean_the_same_records(kept, now, earlier, which, compared_with):
    run, before = kept(2, now), kept(1, earlier)
    base = {"the run before": before, "the same run": run, "nothing": None}[compared_with]
    found = []
    for small in (100, -1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(selection, "SMALL", small)
            patch.setattr(selection.storage, "local_copy", nullcontext)
            found.append(records_meant(run, base, which, NAMES))
    by_arrow, by_duckdb = found
    assert by_arrow == by_duckdb
    assert which.kind != "all" or len(by_arrow) == len(now)
