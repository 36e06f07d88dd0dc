"""The records of a snapshot: loaded, keyed, filtered by clicks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from apps.datasets.chain import frame_of, record_in_differences, whole_and_differences
from apps.datasets.models import Dataset, Field, Snapshot
from einstein import storage
from einstein.ml.reader.table import load_snapshot, read_row
from einstein.ml.schema import FieldSpec, detect, parse
from einstein.ml.types.base import clean_text

OPERATORS = {
    "is": "is", "is_not": "is not", "more": "is more than", "less": "is less than", "blank": "is blank", "filled": "is filled",
    "contains": "contains",
}  # fmt: skip
NEEDS_NO_VALUE = {"blank", "filled"}
NEEDS_NUMBER = {"more", "less"}


def newest_snapshot(dataset: Dataset) -> Snapshot | None:
    return Snapshot.objects.filter(dataset=dataset).order_by("-number").first()


def load(snapshot: Snapshot, columns: list[str] | None = None) -> pd.DataFrame:
    """A snapshot as a table of strings."""
    return frame_of(snapshot, columns)


def keys_of(dataset: Dataset, table: pd.DataFrame) -> pd.Series:
    """Each record's key as text: the key field, or "Row n" where there is none; blank keys are None."""
    if not dataset.key_field or dataset.key_field not in table.columns:
        return pd.Series([f"Row {number}" for number in range(1, len(table) + 1)], index=table.index, dtype="object")
    return clean_text(table[dataset.key_field]).map(lambda value: None if value is None else str(value)[:300])


def keyed(dataset: Dataset, table: pd.DataFrame) -> pd.DataFrame:
    """One record a key: blank keys left out, of repeated ones the first or the last kept as the user chose."""
    keys = keys_of(dataset, table)
    usable = keys.notna() & ~keys.duplicated(keep="first" if dataset.duplicates == "first" else "last")
    kept = table[usable].copy()
    kept.index = pd.Index(keys[usable], name="key")
    return kept


def record_of(dataset: Dataset, snapshot: Snapshot, key: str) -> dict[str, str | None]:
    """One record as written, without loading the others; {} when the snapshot does not hold it."""
    if snapshot.base_id is not None and snapshot.keyed_by != dataset.key_field:
        table = keyed(dataset, load(snapshot))
        return table.loc[key].to_dict() if key in table.index else {}
    found = record_in_differences(snapshot, key)
    if found is not None:
        return found
    whole, _ = whole_and_differences(snapshot)
    names = whole.field_names
    with storage.local_copy(whole.storage_key) as path:
        keys = keys_of(dataset, load_snapshot(path, [dataset.key_field if dataset.key_field in names else names[0]]))
        places = np.flatnonzero((keys == key).to_numpy())
        if not len(places):
            return {}
        return read_row(path, int(places[0 if dataset.duplicates == "first" else -1]))


def key_problems(dataset: Dataset, table: pd.DataFrame) -> dict[str, int]:
    """How many records have a blank key, and how many repeat one."""
    if not dataset.key_field or dataset.key_field not in table.columns:
        return {"blank": 0, "repeated": 0}
    keys = keys_of(dataset, table)
    return {"blank": int(keys.isna().sum()), "repeated": int(keys.dropna().duplicated().sum())}


def key_problems_of(dataset: Dataset, name: str) -> int:
    """How many records of the newest snapshot would be without a key of their own if `name` were the key field."""
    snapshot = newest_snapshot(dataset)
    if snapshot is None or name not in snapshot.field_names:
        return 0
    keys = clean_text(load(snapshot, [name])[name])
    return int(keys.isna().sum()) + int(keys.dropna().duplicated().sum())


def specs_of(dataset: Dataset) -> dict[str, FieldSpec]:
    """The fields' types as decided, with the options settled on the newest snapshot."""
    return {
        field.name: FieldSpec(field.name, field.type, field.profile.get("options", {}))
        for field in Field.objects.filter(dataset=dataset)
    }


def matching(table: pd.DataFrame, filters: list[dict[str, Any]], specs: dict[str, FieldSpec]) -> np.ndarray:
    """Which records meet all filters, shape (records,). A filter is {"field", "op", "value"}; values are data, never code."""
    mask = np.ones(len(table), dtype=bool)
    for rule in filters:
        mask &= _one(table, rule, specs)
    return mask


def words_of(filters: list[dict[str, Any]]) -> str:
    """ "Contract is One year and tenure is more than 12"."""
    return " and ".join(f"{rule['field']} {OPERATORS[rule['op']]} {rule.get('value', '')}".strip() for rule in filters)


def _one(table: pd.DataFrame, rule: dict[str, Any], specs: dict[str, FieldSpec]) -> np.ndarray:
    name, op, value = rule["field"], rule["op"], str(rule.get("value", "")).strip()
    if name not in table.columns:
        return np.zeros(len(table), dtype=bool)
    text = clean_text(table[name])
    if op in NEEDS_NO_VALUE:
        return (text.isna() if op == "blank" else text.notna()).to_numpy()
    if op in NEEDS_NUMBER:
        return _compared(text, op, value, specs.get(name) or detect(name, text))
    lowered = text.map(lambda v: v.lower() if isinstance(v, str) else v)
    if op == "contains":
        return lowered.map(lambda v: isinstance(v, str) and value.lower() in v).to_numpy(bool)
    equal = (lowered == value.lower()).to_numpy(bool)
    return equal if op == "is" else ~equal & text.notna().to_numpy()


def _compared(text: pd.Series, op: str, value: str, spec: FieldSpec) -> np.ndarray:
    known = spec if spec.family in {"number", "date"} else FieldSpec(spec.name, "number", {"decimal": "."})
    left = parse(text, known)
    right = parse(pd.Series([value], dtype="object"), known).iloc[0]
    if pd.isna(right) and known.family == "date":
        right = pd.to_datetime(value, errors="coerce")
    return (left > right if op == "more" else left < right).fillna(False).to_numpy(bool)
