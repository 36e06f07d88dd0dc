"""One batch of records as the watch sees it: each field in compact form, whatever notation it came in.

Typed columns and columns of strings give the same values: 5 and 5.0 are one number, and one answer of a category.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from einstein.ml.columns import Column
from einstein.ml.schema import FieldSpec, read_column
from einstein.ml.types.base import BLANK_WORDS

WHOLE = 2.0**53  # beyond, a float no longer tells whole numbers apart


@dataclass
class Values:
    """One field of a batch: its values in the type's compact form, and which filled ones could not be read. All (records,)."""

    column: Column
    unreadable: np.ndarray
    text: pa.Array | None = None  # as it was written, where it was read from text

    @property
    def blank(self) -> np.ndarray:
        """Records without a value; an unreadable one is no blank."""
        return self.column.blank & ~self.unreadable

    def take(self, rows: np.ndarray) -> Values:
        """The same field of some records; as it was written is not kept."""
        return Values(self.column.take(rows), self.unreadable[rows])

    def commonest_unreadable(self) -> tuple[str, float] | None:
        """(text, its share of the unreadable values); None where all could be read."""
        if self.text is None or not self.unreadable.any():
            return None
        counts = pc.value_counts(self.text.filter(pa.array(self.unreadable))).to_pylist()
        most = max(counts, key=lambda one: one["counts"])
        return most["values"], most["counts"] / int(self.unreadable.sum())


def spread(values: Mapping[str, Values], rows: int, most: int) -> tuple[dict[str, Values], int]:
    """(fields, their records): of `most` records evenly spread over the batch when it has more."""
    if rows <= most:
        return dict(values), rows
    chosen = np.arange(most) * rows // most
    return {name: whole.take(chosen) for name, whole in values.items()}, most


class _ColumnsOf(Mapping[str, pa.Array]):
    """A DataFrame's columns in Arrow, each made when it is asked for."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._places = {str(name): place for place, name in enumerate(table.columns)}
        self._table = table
        self._made: dict[str, pa.Array] = {}

    def __getitem__(self, name: str) -> pa.Array:
        if name not in self._made:
            array = _arrow(self._table.iloc[:, self._places[name]])
            self._made[name] = _one(array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array]))
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


Read = Mapping[str, tuple[FieldSpec, Column]]  # fields that were read already, and as what


@dataclass
class Batch:
    """A table of records: Arrow columns by name, read by field types on demand, unless they were read already."""

    columns: Mapping[str, pa.Array]
    rows: int
    texts: dict[str, pa.Array] = field(default_factory=dict, repr=False)
    known: Read = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, table: pa.Table | pd.DataFrame | Batch, known: Read | None = None) -> Batch:
        """From an Arrow table or a DataFrame of any dtypes. `known` are fields of it, (records,) each, as whoever had it before has read them."""
        if isinstance(table, Batch):
            return table
        if isinstance(table, pd.DataFrame):
            return cls(_ColumnsOf(table), len(table) if len(table.columns) else 0, known=known or {})
        columns = {name: _one(table.column(name)) for name in table.column_names}
        return cls(columns, table.num_rows, known=known or {})

    def text(self, name: str) -> pa.Array:
        """A field as text: whole numbers without a point, nulls kept."""
        if name not in self.texts:
            self.texts[name] = as_text(self.columns[name])
        return self.texts[name]

    def read(self, spec: FieldSpec) -> Values:
        """A field by its type; raises `KeyError` when the batch has no such field."""
        known = self.known.get(spec.name)
        column = known[1] if known and (known[0].type, known[0].options) == (spec.type, spec.options) else None
        if column is not None and not column.blank.any():
            return Values(column, np.zeros(self.rows, dtype=bool))
        array = self.columns[spec.name]
        if spec.family == "number" and _is_number(array.type):
            numbers = pc.cast(array, pa.float64()).to_numpy(zero_copy_only=False)
            return Values(Column(np.where(np.isfinite(numbers), numbers, np.nan)), np.zeros(self.rows, dtype=bool))
        if spec.family == "date" and pa.types.is_temporal(array.type) and not pa.types.is_time(array.type):
            return Values(Column(_seconds(array)), np.zeros(self.rows, dtype=bool))
        text = self.text(spec.name)
        if column is None:
            column = read_column(pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([text]))), spec)
        blank = column.blank
        if int(blank.sum()) == text.null_count:  # each blank one held nothing
            return Values(column, np.zeros(self.rows, dtype=bool), text)
        return Values(column, blank & _says_something(text), text)


def as_text(array: pa.Array) -> pa.Array:
    """Values as a person would write them, the same for whole numbers of any type."""
    kind = array.type
    if pa.types.is_string(kind):
        return array
    if pa.types.is_floating(kind):
        numbers = pc.cast(array, pa.float64())
        values = numbers.to_numpy(zero_copy_only=False)
        finite = values[np.isfinite(values)]
        if len(finite) and (np.abs(finite) < WHOLE).all() and (finite == np.floor(finite)).all():
            return pc.cast(pc.cast(pc.if_else(pc.is_finite(numbers), numbers, None), pa.int64()), pa.string())
        return pc.if_else(pc.is_finite(numbers), pc.cast(numbers, pa.string()), None)
    if pa.types.is_dictionary(kind):
        return as_text(array.dictionary_decode())
    if pa.types.is_timestamp(kind):
        return pc.strftime(pc.cast(array, pa.timestamp("us", kind.tz), safe=False), format="%Y-%m-%d %H:%M:%S")
    try:
        return pc.cast(array, pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string())


def _says_something(text: pa.Array) -> np.ndarray:
    """Which values are neither blank nor a word for blank."""
    trimmed = pc.utf8_lower(pc.utf8_trim_whitespace(text))
    silent = pc.is_in(trimmed, value_set=pa.array(["", *BLANK_WORDS]))
    return np.asarray(pc.and_(pc.is_valid(text), pc.invert(silent)).to_numpy(zero_copy_only=False), dtype=bool)


def _seconds(array: pa.Array) -> np.ndarray:
    """Seconds since 1970 with NaN for blank; what does not fit a 64-bit microsecond is blank."""
    moments = pc.cast(array, pa.timestamp("us"), safe=False)
    micros = pc.cast(moments, pa.int64()).to_numpy(zero_copy_only=False).astype("float64")
    return np.where(np.asarray(pc.is_valid(array)), micros / 1e6, np.nan)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _arrow(values: pd.Series) -> pa.Array | pa.ChunkedArray:
    try:
        return pa.array(values.to_numpy() if values.dtype == object else values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError, OverflowError):
        texts = [None if pd.isna(value) else str(value).encode("utf-8", "replace").decode() for value in values]
        return pa.array(texts, pa.string())


def _one(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        return pc.cast(array, pa.string())
    return array
