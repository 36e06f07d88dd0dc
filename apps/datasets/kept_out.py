"""Records that were erased stay out when their source sends them again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.datasets.models import Dataset, ErasedRecord

BATCH = 131_072


def mark_of(dataset_id: int, key: str) -> str:
    """What is kept of an erased record's key, to know it when it comes again: a SHA-256 over dataset and key."""
    return hashlib.sha256(f"{dataset_id}\0{key.strip()}".encode()).hexdigest()


def marks_of(dataset: Dataset) -> set[str]:
    return set(ErasedRecord.objects.filter(dataset=dataset).values_list("mark", flat=True))


def without_erased(path: Path, key: str, dataset_id: int, marks: set[str], folder: Path) -> tuple[Path, int]:
    """(the file to go on with, how many records were left out) of an arrived table whose field `key` names the records."""

    def erased(keys: pa.Array) -> pa.Array:
        return pa.array(
            [value is not None and mark_of(dataset_id, value) in marks for value in keys.to_pylist()], pa.bool_()
        )

    target = folder / "without-erased.parquet"
    left_out = without(path, key, erased, target) if marks else 0
    return (target, left_out) if left_out else (path, 0)


def without(path: Path, column: str, unwanted: Callable[[pa.Array], pa.Array], target: Path) -> int:
    """Copy a Parquet file but for the rows whose `column` is unwanted; returns how many, and writes nothing when there are none."""
    file = pq.ParquetFile(path)
    gone = sum(pc.sum(unwanted(batch.column(0))).as_py() or 0 for batch in file.iter_batches(BATCH, columns=[column]))
    if gone:
        with pq.ParquetWriter(target, file.schema_arrow, compression="zstd") as writer:
            for batch in file.iter_batches(BATCH):
                writer.write_batch(batch.filter(pc.invert(unwanted(batch.column(column)))))
    return gone


def is_key(key: str) -> Callable[[pa.Array], pa.Array]:
    """Which of many keys are this one, outer blanks aside."""
    return lambda keys: pc.fill_null(pc.equal(pc.utf8_trim_whitespace(keys.cast(pa.string())), key.strip()), False)
