"""What related records tell about each record of a table: counts, sums, averages and latest values over time windows, in DuckDB out of core.

Only related records that lie before the record's reference date count, so that nothing of the future slips into what is learnt
(point-in-time correctness, as feature stores do it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.datasets.engine import literal, open_engine, quoted
from einstein.ml.schema import FieldSpec, parse

MEMORY = "800MB"
EVER = 0  # the window that has no beginning
WINDOWS = {30: "30 days", 90: "90 days", 365: "1 year", EVER: "any time before"}
AMOUNTS = {"money", "quantity", "number", "percent"}  # types that sums and averages are made of
ROW = "einstein: row"
NUMBERS = pa.float64()
PASSING: dict[str, Any] = {"compression": "lz4", "write_statistics": False}  # files that are read once and thrown away
PLACES = 2**25  # more than a table may have records
# A day without a clock time that both have counts as after: nobody knows which came first.
BEFORE = "r.moment < CASE WHEN r.moment = date_trunc('day', r.moment) THEN date_trunc('day', b.reference) ELSE b.reference END"


@dataclass(frozen=True)
class Told:
    """A new field: an expression over the related rows `r` of one base row `b`, and what it is where there are none (None: blank)."""

    name: str
    expression: str
    type: str
    none: int | None = None

    def text(self, value: str) -> str:
        """The field as text, a number without noise and without decimals that say nothing."""
        if self.type == "DOUBLE":
            return f"regexp_replace(CAST(round({value}, 6) AS VARCHAR), '\\.0$', '')"
        return f"CAST({value} AS VARCHAR)"


@dataclass(frozen=True)
class Join:
    """One related dataset: `link` is its field that holds the base's `key`, `moment` its date. Windows are in days, EVER without limit."""

    related: int
    label: str  # how the new fields begin, such as "Orders"
    key: str
    link: str
    moment: str
    windows: list[int] = field(default_factory=lambda: [EVER])
    count: bool = True
    since_last: bool = True
    sums: list[str] = field(default_factory=list)
    means: list[str] = field(default_factory=list)
    latest: list[str] = field(default_factory=list)

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Join:
        return cls(**facts)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def fields(self) -> list[str]:
        """The fields of the related dataset that are needed."""
        return list(dict.fromkeys([self.link, self.moment, *self.sums, *self.means, *self.latest]))

    def columns(self) -> list[Told]:
        """The new fields, in order."""
        found = []
        for days in self.windows:
            inside = f" FILTER (WHERE r.moment >= b.reference - INTERVAL {int(days)} DAY)" if days else ""
            span = "so far" if days == EVER else WINDOWS[days]
            if self.count:
                found.append(Told(f"{self.label}: how many, {span}", f"count(*){inside}", "BIGINT", none=0))
            for name in self.sums:
                expression = f"coalesce(sum(r.{quoted(_number(name))}){inside}, 0)"
                found.append(Told(f"{self.label}: sum of {name}, {span}", expression, "DOUBLE", none=0))
            for name in self.means:
                found.append(
                    Told(f"{self.label}: average {name}, {span}", f"avg(r.{quoted(_number(name))}){inside}", "DOUBLE")
                )
        if self.since_last:
            days_since = "date_diff('day', max(r.moment), any_value(b.reference))"
            found.append(Told(f"{self.label}: days since the last", days_since, "BIGINT"))
        for name in self.latest:
            found.append(Told(f"{self.label}: latest {name}", f"arg_max(r.{quoted(_text(name))}, r.turn)", "VARCHAR"))
        return found

    def words(self) -> str:
        """ "how many, sum of amount, days since the last"."""
        parts = ["how many"] if self.count else []
        parts += [f"sum of {name}" for name in self.sums] + [f"average {name}" for name in self.means]
        parts += ["days since the last"] if self.since_last else []
        return ", ".join([*parts, *(f"latest {name}" for name in self.latest)])


@dataclass(frozen=True)
class Side:
    """A table to be joined: its fields and their types, how many records it has, and how to read some of its fields in batches of strings.

    Where records may repeat a key, `key` names it and the first or the last of them counts, as the dataset's owner decided.
    """

    names: list[str]
    specs: dict[str, FieldSpec]
    rows: int
    batches: Callable[[list[str]], AbstractContextManager[Iterator[pa.RecordBatch]]]
    key: str = ""
    keep: str = "last"


def write_enriched(
    base: Side,
    related: list[tuple[Join, Side]],
    reference_field: str,
    now: datetime,
    target: Path,
    tell: Callable[[int, int], None],
) -> list[str]:
    """Write the base's records with the new fields into `target`, all as text; returns the names in order.

    `now` (without a zone, in the workspace's own time) is the reference date where no field gives it. `tell(done, of)` counts records read
    and may raise to stop.
    """
    folder = target.parent
    own = folder / "base.parquet"
    keys = list(dict.fromkeys(join.key for join, _ in related))
    count = _counter(tell, base.rows + sum(side.rows for _, side in related))
    _write_base(base, keys, reference_field, now, own, count)
    with open_engine(folder, MEMORY) as engine:
        engine.execute(f"CREATE VIEW base AS SELECT * FROM read_parquet({literal(own)})")
        for number, (join, side) in enumerate(related):
            rows = folder / f"related-{number}.parquet"
            _write_related(join, side, rows, count)
            _aggregate(engine, number, join, keys.index(join.key), _once(rows, side))
        joins = [join for join, _ in related]
        _put_together(engine, base.names, joins, target)
    return base.names + [told.name for join in joins for told in join.columns()]


def _counter(tell: Callable[[int, int], None], total: int) -> Callable[[int], None]:
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        tell(done, total)

    return count


def _write_base(
    base: Side, keys: list[str], reference_field: str, now: datetime, target: Path, count: Callable[[int], None]
) -> None:
    """The base's records as they are, with a number, their keys as compared, and their reference date."""
    names = base.names
    schema = pa.schema(
        [(ROW, pa.int64()), ("reference", pa.timestamp("us")), *((_key(place), pa.string()) for place in range(len(keys))),
         *((_own(place), pa.string()) for place in range(len(names)))]
    )  # fmt: skip
    done = 0
    with (
        base.batches(names) as found,
        pq.ParquetWriter(target, schema, use_dictionary=False, **PASSING) as writer,
    ):
        for batch in found:
            rows = batch.num_rows
            dates = (
                _dates(batch, reference_field, base.specs)
                if reference_field
                else pa.array([now] * rows, pa.timestamp("us"))
            )
            columns = [pa.array(range(done, done + rows), pa.int64()), dates]
            columns += [_comparable(batch, key) for key in keys]
            columns += [batch.column(name).cast(pa.string()) for name in names]
            writer.write_batch(pa.record_batch(columns, schema))
            done += rows
            count(rows)


def _write_related(join: Join, side: Side, target: Path, count: Callable[[int], None]) -> None:
    """The related records with a link and a date: link, moment, turn, place in the table, own key, numbers and texts."""
    numbers, texts = list(dict.fromkeys([*join.sums, *join.means])), join.latest
    schema = pa.schema(
        [("link", pa.string()), ("moment", pa.timestamp("us")), ("turn", pa.int64()), ("place", pa.int64()), ("own", pa.string()), *((_number(name), NUMBERS) for name in numbers),
         *((_text(name), pa.string()) for name in texts)]
    )  # fmt: skip
    done = 0
    with (
        side.batches(list(dict.fromkeys([*join.fields, *filter(None, [side.key])]))) as found,
        pq.ParquetWriter(target, schema, use_dictionary=[_text(name) for name in texts], **PASSING) as writer,
    ):
        for batch in found:
            moments = _dates(batch, join.moment, side.specs)
            places = pa.array(np.arange(done, done + batch.num_rows), pa.int64())
            own = _comparable(batch, side.key) if side.key else pa.nulls(batch.num_rows, pa.string())
            columns = [_comparable(batch, join.link), moments, _turns(moments, places), places, own]
            columns += [_numbers(batch, name, side.specs) for name in numbers]
            columns += [batch.column(name).cast(pa.string()) for name in texts]
            writer.write_batch(pa.record_batch(columns, schema))
            done += batch.num_rows
            count(batch.num_rows)


def _turns(moments: pa.Array, places: pa.Array) -> pa.Array:
    """A number that grows with the moment, to the second, and among equal ones with the place in the table."""
    seconds = pc.cast(moments, pa.timestamp("s"), safe=False).cast(pa.int64())
    return pc.add(pc.multiply(seconds, PLACES), places)


def _once(rows: Path, side: Side) -> str:
    """The related rows, of those that repeat a key the one that counts."""
    if not side.key:
        return f"SELECT * FROM read_parquet('{rows}')"
    order = "ASC" if side.keep == "first" else "DESC"
    return f"SELECT * FROM read_parquet('{rows}') QUALIFY own IS NULL OR row_number() OVER (PARTITION BY own ORDER BY place {order}) = 1"


def _aggregate(engine: duckdb.DuckDBPyConnection, number: int, join: Join, key: int, rows: str) -> None:
    """The table `told_n`: for each base row that has related ones, what they tell."""
    columns = "".join(f", {told.expression} AS c{place}" for place, told in enumerate(join.columns()))
    engine.execute(
        f"CREATE TABLE told_{number} AS SELECT b.{quoted(ROW)} AS row{columns} FROM base b JOIN ({rows}) r "
        f"ON r.link = b.{_key(key)} AND {BEFORE} GROUP BY b.{quoted(ROW)}"
    )


def _put_together(engine: duckdb.DuckDBPyConnection, names: list[str], joins: list[Join], target: Path) -> None:
    columns = [f"b.{_own(place)} AS {quoted(name)}" for place, name in enumerate(names)]
    for number, join in enumerate(joins):
        for place, told in enumerate(join.columns()):
            value = f"told_{number}.c{place}"
            if told.none is not None:
                value = f"CASE WHEN b.reference IS NULL THEN NULL ELSE coalesce({value}, {told.none}) END"
            columns.append(f"{told.text(value)} AS {quoted(told.name)}")
    tables = " ".join(f"LEFT JOIN told_{number} ON told_{number}.row = b.{quoted(ROW)}" for number in range(len(joins)))
    query = f"SELECT {', '.join(columns)} FROM base b {tables} ORDER BY b.{quoted(ROW)}"
    engine.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def _comparable(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Keys as they are compared: without blanks around them, a whole number without its decimals."""
    text = pc.utf8_trim_whitespace(batch.column(name).cast(pa.string()))
    text = pc.replace_substring_regex(text, r"\.0$", "")
    return pc.if_else(pc.equal(text, ""), None, text)


def _dates(batch: pa.RecordBatch, name: str, specs: dict[str, FieldSpec]) -> pa.Array:
    return _parsed(batch, specs[name], "datetime64[us]", pa.timestamp("us"))


def _numbers(batch: pa.RecordBatch, name: str, specs: dict[str, FieldSpec]) -> pa.Array:
    return _parsed(batch, specs[name], "float64", NUMBERS)


def _parsed(batch: pa.RecordBatch, spec: FieldSpec, kind: str, form: pa.DataType) -> pa.Array:
    """A field's values as its type reads them; each different value is read once."""
    coded = batch.column(spec.name).cast(pa.string()).dictionary_encode()
    values = parse(pd.Series(coded.dictionary.to_pylist(), dtype="object"), spec).astype(kind)
    return pa.Array.from_pandas(values, type=form).take(coded.indices)


def _key(place: int) -> str:
    return f"key_{place}"


def _own(place: int) -> str:
    return f"own_{place}"


def _number(name: str) -> str:
    return f"number {name}"


def _text(name: str) -> str:
    return f"text {name}"
