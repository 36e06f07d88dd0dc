"""The difference of small tables is told by Arrow, of large ones by DuckDB: both tell the same."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.datasets import difference
from apps.datasets.chain import GONE
from apps.datasets.small_difference import repeated_or_blank

NAMES = ["a.b", "key", "a"]
cells = st.one_of(st.none(), st.sampled_from(["", " ", "x", "y", "NaN", "ä"]))
keys = st.sampled_from(["1", "2", "3", " 3", "k", "ü"])
tables = st.dictionaries(keys, st.tuples(cells, cells), max_size=6)


def as_table(records: dict[str, tuple[str | None, str | None]]) -> pa.Table:
    rows = [(first, key, second) for key, (first, second) in records.items()]
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(NAMES, columns, strict=True)})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("difference")


def told(new: pa.Table, home, patch, old: pa.Table, small: int):
    """(counts, records) as one of the two ways tells them."""
    patch.setattr(difference, "SMALL", small)
    patch.setattr(difference.storage, "local_copy", nullcontext)
    pq.write_table(old, home / "old.parquet")
    pq.write_table(new, home / "new.parquet")
    before = SimpleNamespace(
        field_names=NAMES, rows=old.num_rows, base_id=None, storage_key=home / "old.parquet", keyed_by="key"
    )
    found = difference.against_whole(home / "new.parquet", before, "key", home)
    records = pq.read_table(found.path).to_pylist()
    counts = (found.added, found.changed, found.gone, found.rows)
    return counts, sorted(records, key=lambda record: (record["key"], record[GONE]))


@settings(max_examples=60)
@given(tables, tables)
def test_both_ways_tell_the_same_difference(home, old, new):
    with pytest.MonkeyPatch.context() as patch:
        by_arrow = told(as_table(new), home, patch, as_table(old), small=10)
        by_duckdb = told(as_table(new), home, patch, as_table(old), small=-1)
    assert by_arrow == by_duckdb
    counts, records = by_arrow
    assert counts[0] + counts[1] + counts[2] == len(records)
    assert counts[3] == len(new)


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.none(), st.sampled_from(["", " ", "1", " 1", "1\t", "2", "\u00a02", "\u30002", "2\u200b", "\u2009"])
        ),
        max_size=8,
    )
)
def test_both_ways_count_the_same_faults_of_a_key(home, values):
    path = home / "keys.parquet"
    pq.write_table(pa.table({"key": pa.array(values, pa.string())}), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(difference, "SMALL", -1)
        by_duckdb = difference.key_faults(path, "key")
    assert difference.key_faults(path, "key") == by_duckdb


def test_a_key_that_is_blank_or_comes_twice_is_a_fault():
    assert repeated_or_blank(pa.chunked_array([pa.array(["1", "1 ", None, "", "2"])])) == 3
