"""The records that a rule means in a scoring run that fits into memory, by Arrow: it is told before DuckDB has planned how to tell it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.deliveries.which import Which

TEXT = pa.large_string()
# An empty run's file knows no types.
KEPT = pa.schema(
    {"key": TEXT, "value": pa.float64(), "predicted": TEXT, "band": TEXT, "reasons": TEXT, "seen": pa.bool_()}
)
COMPARED = pa.schema([KEPT.field(name) for name in ("key", "value", "band")])
HIGHEST_FIRST = [("value", "descending"), ("key", "ascending")]

Mask = pa.Array | pa.ChunkedArray
# As `CONDITIONS` in apps/deliveries/selection.py; a test holds the two together. A record that is new has nothing before.
MEANT: dict[str, Callable[[pa.Table, Which], Mask]] = {
    "changed": lambda rows, which: pc.not_equal(rows["before_band"], rows["band"]),
    "enters": lambda rows, which: pc.and_(pc.equal(rows["band"], which.band), _new_or(rows, pc.not_equal(rows["before_band"], which.band))),
    "rises": lambda rows, which: pc.and_(pc.greater_equal(rows["value"], which.limit), _new_or(rows, pc.less(rows["before"], which.limit))),
    "falls": lambda rows, which: pc.and_(pc.less_equal(rows["value"], which.limit), _new_or(rows, pc.greater(rows["before"], which.limit))),
    "jumps": lambda rows, which: pc.greater_equal(pc.abs(pc.subtract(rows["value"], rows["before"])), which.limit),
    "top": lambda rows, which: pc.and_(pc.less_equal(rows["place"], which.count), _new_or(rows, pc.greater(rows["before_place"], which.count))),
}  # fmt: skip


def meant(now: Path, base: Path | None, which: Which) -> pa.Table:
    """The records meant, the highest score first: KEPT, place, before, before_band, before_place. Both are files of scores."""
    rows = _placed(now, KEPT)
    earlier = _placed(base, COMPARED) if base is not None else rows.slice(0, 0)
    places = pc.index_in(rows["key"], value_set=earlier["key"].combine_chunks())
    for name, column in {"before": "value", "before_band": "band", "before_place": "place"}.items():
        rows = rows.append_column(name, earlier[column].take(places))
    return rows if which.kind == "all" else rows.filter(MEANT[which.kind](rows, which))


def _placed(path: Path, columns: pa.Schema) -> pa.Table:
    rows = pq.read_table(path, columns=columns.names, use_threads=False).cast(columns)
    rows = rows.take(pc.sort_indices(rows, sort_keys=HIGHEST_FIRST))
    return rows.append_column("place", pa.array(range(1, len(rows) + 1), pa.int64()))


def _new_or(rows: pa.Table, came_from: Mask) -> Mask:
    return pc.or_kleene(pc.is_null(rows["before"]), came_from)
