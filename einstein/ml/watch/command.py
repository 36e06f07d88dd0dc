"""`python -m einstein.ml watch`: a reference and a folder of batches in, a file of alerts out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from einstein.ml.artifact import read_facts
from einstein.ml.errors import DataProblem
from einstein.ml.schema import FieldSpec
from einstein.ml.watch.alarms import Alarm
from einstein.ml.watch.watcher import Settings, Watcher

LEAST_REFERENCE = 20  # records
BROKEN = (pa.ArrowException, OSError, ValueError)


def watch(
    reference: Path,
    batches: Path,
    score: str,
    out: Path,
    model: Path | None = None,
    weekly: bool = True,
    budget: float = 0.1,
    ignore: list[str] | None = None,
) -> dict[str, Any]:
    """Watch a folder of numbered Parquet files in order; write one JSON line per alarmed batch and field. Returns counts.

    Raises `DataProblem` when the reference, the model or the folder cannot be used; a batch that cannot be read is an alarm, no error.
    """
    if not 0 < budget <= 100:
        raise DataProblem("The budget is a number of false alarms per 100 batches, above 0 and at most 100.")
    settings = _settings(score, model, weekly, budget, ignore or [])
    watcher = Watcher(_reference(reference, score), settings)
    opened = 0
    paths = _paths(batches)
    with out.open("w") as file:
        for path in paths:
            for line in _look(watcher, path):
                opened += line["state"] == "opened" and line["severity"] != "info"
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return {"batches": len(paths), "opened": opened, "out": str(out)}


def _settings(score: str, model: Path | None, weekly: bool, budget: float, ignore: list[str]) -> Settings:
    settings = Settings(score, weekly=weekly, budget=budget, ignore=tuple(ignore))
    if model is not None:
        facts = read_facts(model)
        settings.specs = [FieldSpec.from_json(data) for data in facts["fields"]]
        settings.importance = {driver["field"]: driver["share"] for driver in facts["scorecard"]["drivers"]}
    return settings


def _reference(path: Path, score: str) -> pa.Table:
    if not path.exists():
        raise FileNotFoundError(2, "no such file", str(path))
    try:
        table = _read(path)
    except BROKEN as error:
        raise DataProblem(f"{path.name} is no Parquet file, or a broken one. Export it again.") from error
    if score not in table.column_names:
        raise DataProblem(f"{path.name} has no field {score}. Its fields are {', '.join(table.column_names[:20])}.")
    if table.num_rows < LEAST_REFERENCE:
        raise DataProblem(
            f"{path.name} holds {table.num_rows:,} records; to tell what is usual it takes at least {LEAST_REFERENCE}."
        )
    return table


def _read(path: Path) -> pa.Table:
    """A table without the row numbers that pandas keeps beside the fields."""
    table = pq.read_table(path)
    kept_by_pandas = (table.schema.pandas_metadata or {}).get("index_columns", [])
    return table.drop_columns([name for name in kept_by_pandas if isinstance(name, str) and name in table.column_names])


def _paths(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataProblem(f"There is no folder {folder}.")
    found = sorted(
        folder.glob("*.parquet"),
        key=lambda path: (len(path.stem), path.stem) if path.stem.isdigit() else (1 << 20, path.stem),
    )
    if not found:
        raise DataProblem(f"{folder} holds no files named like 0001.parquet.")
    return found


def _look(watcher: Watcher, path: Path) -> Iterator[dict[str, Any]]:
    try:
        table = _read(path)
    except BROKEN:
        alarm = Alarm(
            "feed",
            "unreadable_batch",
            None,
            "critical",
            f"{path.name} cannot be read: it is no Parquet file, or a broken one.",
            1e6,
            "unreadable",
        )
        yield from watcher.refuse(alarm)
        return
    yield from watcher.look(table)
