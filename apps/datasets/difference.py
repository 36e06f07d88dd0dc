"""What is new, changed and gone between a table that was just read and the snapshot before it, by key; of large tables out of core in DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from apps.datasets.chain import BATCH, GONE, batches, records_with, table_of, whole_and_differences
from apps.datasets.engine import SMALL, engine_for, literal, quoted
from apps.datasets.models import Snapshot
from apps.datasets.small_difference import difference_of, repeated_or_blank
from einstein import storage


@dataclass(frozen=True)
class Difference:
    """Counts of records, and the file that holds the new and changed ones and the keys that are gone."""

    path: Path
    added: int
    changed: int
    gone: int
    rows: int  # of the snapshot it makes

    @property
    def is_nothing(self) -> bool:
        return not (self.added or self.changed or self.gone)


def key_faults(path: Path, key: str) -> int:
    """How many records of a Parquet file have a blank key or repeat another's."""
    file = pq.ParquetFile(path)
    if file.metadata.num_rows <= SMALL:
        return repeated_or_blank(file.read(columns=[key]).column(0))
    with engine_for(file.metadata.num_rows, path.parent) as engine:
        query = f"SELECT count(*) - count(DISTINCT nullif(trim({quoted(key)}), '')) FROM read_parquet(?)"
        return engine.execute(query, [str(path)]).fetchall()[0][0]


def renamed(path: Path, columns: dict[str, str], target: Path) -> None:
    """Rewrite a Parquet file with other names; `columns` gives the new name of each arriving name, in the new order."""
    file = pq.ParquetFile(path)
    schema = _schema(list(columns.values()))
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1) as writer:
        for batch in file.iter_batches(BATCH, columns=list(columns)):
            writer.write_batch(pa.record_batch([batch.column(name) for name in columns], schema))


def against_whole(path: Path, before: Snapshot, key: str, folder: Path) -> Difference:
    """The difference of a whole new table at `path` (columns as in `before`) to the snapshot before."""
    names = before.field_names
    rows = max(before.rows, pq.read_metadata(path).num_rows)
    if rows <= SMALL:
        return _in_memory(path, before, key, folder)
    with engine_for(rows, folder) as engine, _old(engine, before, names):
        engine.execute(f"CREATE TEMP TABLE old AS SELECT {quoted(key)} AS k, {_hash(names)} AS h FROM old_rows")
        engine.execute(
            f"CREATE TEMP TABLE new AS SELECT {quoted(key)} AS k, {_hash(names)} AS h FROM read_parquet(?)", [str(path)]
        )
        engine.execute(
            "CREATE TEMP TABLE fresh AS SELECT n.k, o.k IS NULL AS added FROM new n LEFT JOIN old o USING (k) WHERE o.k IS NULL OR o.h <> n.h"
        )
        gone = "SELECT k FROM old ANTI JOIN new USING (k)"
        fresh = (
            f"SELECT t.*, false AS {quoted(GONE)} FROM read_parquet(?) t SEMI JOIN fresh ON t.{quoted(key)} = fresh.k"
        )
        return _written(engine, fresh, [str(path)], gone, names, key, folder, before)


def _in_memory(path: Path, before: Snapshot, key: str, folder: Path) -> Difference:
    names, target = before.field_names, folder / "difference.parquet"
    told = difference_of(pq.ParquetFile(path).read(columns=names), table_of(before), key)
    changed, lost = told.fresh.num_rows - told.added, len(told.gone)
    rows = told.fresh.append_column(GONE, pa.array([False] * told.fresh.num_rows, pa.bool_()))
    only_keys = pa.table({key: told.gone, GONE: pa.array([True] * lost, pa.bool_())})
    pq.write_table(pa.concat_tables([rows, only_keys], promote_options="default"), target, compression="zstd")
    return Difference(target, told.added, changed, lost, before.rows + told.added - lost)


def against_changes(
    path: Path,
    before: Snapshot,
    key: str,
    folder: Path,
    fresh: bool = False,
    keys: Path | None = None,
) -> Difference:
    """The difference made by new and changed records only; `keys` holds every key that still exists, if that is known.

    Unless they are known to be `fresh`, records that came again as they were are no change: sources send some once more.
    """
    names = before.field_names
    with engine_for(max(before.rows, pq.read_metadata(path).num_rows), folder) as engine:
        newest = f"QUALIFY row_number() OVER (PARTITION BY {quoted(key)} ORDER BY file_row_number DESC) = 1"
        engine.execute(
            f"CREATE TEMP TABLE came AS SELECT {_columns(names)} FROM read_parquet(?, file_row_number = true) WHERE {quoted(key)} IS NOT NULL {newest}",
            [str(path)],
        )
        if not fresh:
            _drop_unchanged(engine, before, names, key)
        with _old(engine, before, [key]):
            engine.execute(
                f"CREATE TEMP TABLE there AS SELECT {quoted(key)} AS k FROM old_rows SEMI JOIN came USING ({quoted(key)})"
            )
        engine.execute(
            f"CREATE TEMP TABLE fresh AS SELECT {quoted(key)} AS k, there.k IS NULL AS added FROM came LEFT JOIN there ON {quoted(key)} = there.k"
        )
        gone = "SELECT k FROM there WHERE false"
        if keys is not None:
            engine.execute(f"CREATE TEMP TABLE still AS SELECT {quoted(key)} FROM read_parquet(?)", [str(keys)])
            with _old(engine, before, [key]):
                engine.execute(
                    f"CREATE TEMP TABLE lost AS SELECT {quoted(key)} AS k FROM old_rows ANTI JOIN still USING ({quoted(key)}) ANTI JOIN came USING ({quoted(key)})"
                )
            gone = "SELECT k FROM lost"
        rows = f"SELECT {_columns(names)}, false AS {quoted(GONE)} FROM came"
        return _written(engine, rows, [], gone, names, key, folder, before)


def _drop_unchanged(engine: duckdb.DuckDBPyConnection, before: Snapshot, names: list[str], key: str) -> None:
    wanted = engine.sql(f"SELECT {quoted(key)} FROM came").to_arrow_table().column(0).combine_chunks()
    if not len(wanted):
        return
    if len(wanted) > before.rows // 4:
        with _old(engine, before, names):
            _drop_same(engine, "old_rows", names, key)
        return
    engine.register("were", records_with(before, wanted.cast(pa.string())))
    _drop_same(engine, "were", names, key)


def _drop_same(engine: duckdb.DuckDBPyConnection, earlier: str, names: list[str], key: str) -> None:
    same = f"hash({_columns(names, 'came')}) = hash({_columns(names, 'e')})"
    engine.execute(
        f"CREATE TEMP TABLE same AS SELECT came.{quoted(key)} AS k FROM {earlier} e JOIN came USING ({quoted(key)}) WHERE {same}"
    )
    engine.execute(f"DELETE FROM came USING same WHERE came.{quoted(key)} = same.k")


def _written(
    engine: duckdb.DuckDBPyConnection,
    rows: str,
    values: list[str],
    gone: str,
    names: list[str],
    key: str,
    folder: Path,
    before: Snapshot,
) -> Difference:
    added, changed = engine.execute(
        "SELECT count(*) FILTER (added), count(*) FILTER (NOT added) FROM fresh"
    ).fetchall()[0]
    lost = engine.execute(f"SELECT count(*) FROM ({gone})").fetchall()[0][0]
    columns = ", ".join(f"k AS {quoted(name)}" if name == key else f"NULL::VARCHAR AS {quoted(name)}" for name in names)
    target = folder / "difference.parquet"
    query = f"SELECT {_columns(names)}, {quoted(GONE)} FROM ({rows}) UNION ALL SELECT {columns}, true FROM ({gone})"
    schema = pa.schema([*((name, pa.string()) for name in names), (GONE, pa.bool_())])
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in engine.sql(query, params=values or None).to_arrow_reader(BATCH):
            writer.write_batch(batch.cast(schema))
    return Difference(target, added, changed, lost, before.rows + added - lost)


@contextmanager
def _old(engine: duckdb.DuckDBPyConnection, before: Snapshot, names: list[str]) -> Iterator[None]:
    """The records of the snapshot before as `old_rows`, to be read once; a whole file DuckDB reads itself, in parallel."""
    whole, following = whole_and_differences(before)
    if not following:
        with storage.local_copy(whole.storage_key) as path:
            engine.execute(f"CREATE TEMP VIEW old_rows AS SELECT * FROM read_parquet({literal(path)})")
            yield
            engine.execute("DROP VIEW old_rows")
        return
    with batches(before, names) as found:
        engine.register("old_rows", pa.RecordBatchReader.from_batches(_schema(names), _plain(found, names)))
        yield
        engine.unregister("old_rows")


def _schema(names: list[str]) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in names])


def _plain(found: Iterator[pa.RecordBatch], names: list[str]) -> Iterator[pa.RecordBatch]:
    schema = _schema(names)
    for batch in found:
        yield batch.select(names).cast(schema)


def _columns(names: list[str], table: str = "") -> str:
    return ", ".join(f"{table}.{quoted(name)}" if table else quoted(name) for name in names)


def _hash(names: list[str]) -> str:
    return f"hash({_columns(names)})"
