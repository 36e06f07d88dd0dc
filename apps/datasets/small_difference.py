"""The difference of two tables that fit into memory, by Arrow: it is told before DuckDB has planned how to tell it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

# What DuckDB's trim takes off: Unicode's space separators.
SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"


@dataclass(frozen=True)
class Told:
    """Counts of records, and those of the new table that are new or changed."""

    fresh: pa.Table
    gone: pa.ChunkedArray  # keys
    added: int


def difference_of(new: pa.Table, old: pa.Table, key: str) -> Told:
    """What is new, changed and gone in `new` against `old`: tables of the same string columns, each key once and never null."""
    places = pc.index_in(new.column(key), value_set=old.column(key).combine_chunks())
    known = pc.is_valid(places)  # else the record is new
    as_before = (_is_same(new.column(name), old.column(name).take(places)) for name in new.column_names)
    same = reduce(pc.and_, as_before, known)
    gone = pc.invert(pc.is_in(old.column(key), value_set=new.column(key).combine_chunks()))
    return Told(new.filter(pc.invert(same)), old.column(key).filter(gone), places.null_count)


def repeated_or_blank(keys: pa.ChunkedArray) -> int:
    """How many of the keys are blank or repeat another."""
    trimmed = pc.utf8_trim(keys, SPACES)
    return len(keys) - pc.count_distinct(trimmed.filter(pc.not_equal(trimmed, "")), mode="only_valid").as_py()


def _is_same(values: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.ChunkedArray:
    both_null = pc.and_(pc.is_null(values), pc.is_null(others))
    return pc.or_(pc.fill_null(pc.equal(values, others), fill_value=False), both_null)
