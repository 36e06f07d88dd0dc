"""One field of many records in compact form: numbers, or codes into the few different texts.

Every reading of a field works on its different texts once, so a million records of fifty answers cost fifty readings. The same
reading of one text (`FieldType.parse_one`) serves a record that arrives alone, so both see the same value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa


@dataclass
class Column:
    """`numbers` (records,) float64 with NaN for blank, or `codes` (records,) into `levels` with -1 for blank.

    Dates are numbers: seconds since 1970.
    """

    numbers: np.ndarray | None = None
    codes: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype="int32"))
    levels: list[str] = field(default_factory=list)
    cache: dict[str, Any] = field(
        default_factory=dict, repr=False
    )  # what was worked out from the levels, shared by parts

    def __len__(self) -> int:
        return len(self.codes) if self.numbers is None else len(self.numbers)

    @property
    def blank(self) -> np.ndarray:
        """Which records are blank, shape (records,)."""
        return self.codes < 0 if self.numbers is None else np.isnan(self.numbers)

    @property
    def values(self) -> np.ndarray:
        """The numbers of a field that holds numbers or dates; raises `TypeError` for one of texts."""
        if self.numbers is None:
            raise TypeError("a field of texts has no numbers")
        return self.numbers

    def take(self, rows: np.ndarray) -> Column:
        """The same field of some records."""
        if self.numbers is not None:
            return Column(self.numbers[rows])
        return Column(None, self.codes[rows], self.levels, self.cache)


class Texts(NamedTuple):
    """A field's different texts: `codes` (records,) are each record's place in `levels`, in order of appearance; -1 where blank."""

    codes: np.ndarray
    levels: list[str]


def as_arrow(values: pd.Series) -> pa.Array | pa.ChunkedArray:
    """A field as Arrow text with nulls; numbers and the like become the text Python writes for them."""
    # Arrow asks a Series for what it may have, and each question is looked up among the names of its records.
    plain = values.to_numpy() if values.dtype == object else values
    try:
        array = pa.array(plain, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, UnicodeEncodeError, OverflowError):
        return pa.array([_text(value) for value in values], type=pa.string())
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return array
    if pa.types.is_dictionary(array.type):
        return as_arrow(pd.Series(array.to_pylist(), dtype="object"))
    return pa.array([_text(value) for value in values], type=pa.string())


def text_codes(values: pd.Series | Texts) -> Texts:
    """The different texts of a field, outer blanks taken off; of what is so already, the same."""
    if isinstance(values, Texts):
        return values
    encoded = as_arrow(values).dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks() if encoded.num_chunks else pa.array([], pa.string()).dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    raw = encoded.dictionary.to_pylist()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype("int32", copy=False)
    levels = [value.strip() for value in raw]
    if levels != raw or "" in levels:
        places = {level: place for place, level in enumerate(dict.fromkeys(level for level in levels if level))}
        moved = np.array([places.get(level, -1) for level in levels] + [-1], dtype="int32")
        codes, levels = moved[codes], list(places)
    return Texts(codes, levels)


def text_of(codes: np.ndarray, levels: list[Any]) -> np.ndarray:
    """Codes back to an object array of texts, None where blank."""
    known = np.empty(len(levels) + 1, dtype="object")
    known[: len(levels)] = levels
    known[-1] = None
    return known[codes]


def _text(value: Any) -> str | None:
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and value != value):
        return None
    return str(value).encode("utf-8", "replace").decode("utf-8")
