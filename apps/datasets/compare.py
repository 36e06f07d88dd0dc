"""Two snapshots of a dataset beside one another: which records are new, gone and changed, and in which fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from apps.datasets.chain import frame_of
from apps.datasets.models import Snapshot

MOST_COMPARED = 1_000_000
EXAMPLES = 20


@dataclass
class Comparison:
    """Counts of records; per field how many records differ in it; some records with what they were and are."""

    added: int = 0
    gone: int = 0
    changed: int = 0
    fields: list[tuple[str, int]] = field(default_factory=list)
    examples: list[dict[str, Any]] = field(default_factory=list)
    new_fields: list[str] = field(default_factory=list)
    lost_fields: list[str] = field(default_factory=list)
    why_not: str = ""


def compare_snapshots(earlier: Snapshot, later: Snapshot) -> Comparison:
    """Compare by key; without a key that names every record in both, or beyond a million records, say why not."""
    shared = [name for name in later.field_names if name in earlier.field_names]
    found = Comparison(
        new_fields=[name for name in later.field_names if name not in shared],
        lost_fields=[name for name in earlier.field_names if name not in shared],
    )
    key = later.keyed_by
    if not key or earlier.keyed_by != key:
        found.why_not = "Records can only be told apart when a key field names each of them in both snapshots."
        return found
    if max(earlier.rows, later.rows) > MOST_COMPARED:
        found.why_not = f"Snapshots of more than {MOST_COMPARED:,} records are not compared on a page."
        return found
    old, new = (frame_of(snapshot, shared).set_index(key) for snapshot in (earlier, later))
    both = new.index.intersection(old.index)
    found.added, found.gone = len(new) - len(both), len(old) - len(both)
    was, now = old.loc[both].astype("string"), new.loc[both].astype("string")
    differs = (was != now).fillna(False) | (was.isna() ^ now.isna())
    found.changed = int(differs.any(axis=1).sum())
    counts = differs.sum().sort_values(ascending=False)
    found.fields = [(str(name), int(count)) for name, count in counts.items() if count]
    found.examples = _examples(was, now, differs)
    return found


def _examples(was: pd.DataFrame, now: pd.DataFrame, differs: pd.DataFrame) -> list[dict[str, Any]]:
    some = differs[differs.any(axis=1)].head(EXAMPLES)
    return [
        {
            "key": key,
            "changes": [
                (name, _shown(was.at[key, name]), _shown(now.at[key, name]))
                for name in some.columns[row.to_numpy(bool)]
            ][:6],
        }
        for key, row in some.iterrows()
    ]


def _shown(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)[:60]
