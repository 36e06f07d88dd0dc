"""Whether a whole table is the one before with few changes, as most that come by a schedule are: then its fields are what they were."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from apps.datasets import difference
from apps.datasets.arrival import Arrived
from apps.datasets.contract import UNREADABLE_MORE
from apps.datasets.models import Snapshot

# Of the records, that are in every field as they were. In the rest alone no field can have become unreadable by as much as is held, and where
# names have changed places or stand for something else, no record is as it was.
STEADY = 1 - UNREADABLE_MORE


def difference_to(before: Snapshot, key: str, arrived: Arrived, folder: Path) -> difference.Difference | None:
    """The difference of a whole table to the snapshot before; None where names or keys do not let it be told so simply."""
    names = before.field_names
    if arrived.changes_only or arrived.accepted is not None or not key or before.keyed_by != key:
        return None
    if arrived.report.fields != names or pq.read_schema(arrived.path).names != names:
        return None
    if difference.key_faults(arrived.path, key):
        return None
    return difference.against_whole(arrived.path, before, key, folder)


def is_steady(before: Snapshot, counts: difference.Difference) -> bool:
    """Whether nearly all records are as they were."""
    return before.rows - counts.changed - counts.gone >= STEADY * max(before.rows, counts.rows)
