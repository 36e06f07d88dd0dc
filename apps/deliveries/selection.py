"""Which records of a scoring run are meant: all, or those whose score crossed, jumped, changed band or entered the top since the run before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb

from apps.datasets.engine import SMALL, engine_for, literal
from apps.deliveries import small_selection
from apps.deliveries.which import Which
from apps.scoring.models import ScoringRun
from einstein import storage

MEMORY = "1GB"  # for the sorting of a million records with their reasons
# A record that is new counts as one that came from below; a jump needs a score to jump from.
CONDITIONS = {
    "all": "true",
    "changed": "before_band IS DISTINCT FROM band AND before IS NOT NULL",
    "enters": "band = $band AND before_band IS DISTINCT FROM band",
    "rises": "value >= $limit AND (before IS NULL OR before < $limit)",
    "falls": "value <= $limit AND (before IS NULL OR before > $limit)",
    "jumps": "before IS NOT NULL AND abs(value - before) >= $limit",
    "top": "place <= $count AND (before_place IS NULL OR before_place > $count)",
}
# Reasons as people read them, as einstein.ml.reasons.reason_words puts them; a test holds the two together.
REASON = (
    "CASE WHEN r.value IS NULL THEN r.field || ' is blank' ELSE r.field || ' is ' || r.value END || ': ' || r.direction"
)
KEPT_REASONS = """from_json(reasons, '[{"field": "VARCHAR", "value": "VARCHAR", "direction": "VARCHAR"}]')"""
REASONS = f"array_to_string(list_transform({KEPT_REASONS}[1:3], lambda r: {REASON}), '; ')"


@contextmanager
def selected(run: ScoringRun, base: ScoringRun | None, which: Which) -> Iterator[duckdb.DuckDBPyRelation]:
    """The records meant, the highest score first.

    Columns: key, value, predicted, band, reasons (JSON), seen, words (three reasons in words), place, before, before_band (of `base`, null when
    the record is new or nothing is compared).
    """
    with ExitStack() as open_files, tempfile.TemporaryDirectory(prefix="einstein-select-") as folder:
        rows = max(run.scored, base.scored if base is not None else 0)
        database = open_files.enter_context(engine_for(rows, Path(folder), MEMORY))
        now = open_files.enter_context(storage.local_copy(run.history_key))
        placed = "SELECT *, row_number() OVER (ORDER BY value DESC, key) AS place FROM read_parquet({})"
        earlier = "SELECT * FROM now WHERE false"
        if base is not None and base.id != run.id:
            earlier = placed.format(literal(open_files.enter_context(storage.local_copy(base.history_key))))
        joined = (
            "SELECT now.key, now.value, now.predicted, now.band, now.reasons, now.seen, now.place, earlier.value AS before, earlier.band AS before_band, "
            "earlier.place AS before_place FROM now LEFT JOIN earlier USING (key)"
        )
        values = {"band": which.band, "limit": which.limit, "count": which.count}
        condition = "false" if _is_silent(run, base, which) else CONDITIONS[which.kind]
        used = {name: value for name, value in values.items() if f"${name}" in condition}
        yield database.sql(
            f"WITH now AS ({placed.format(literal(now))}), earlier AS ({earlier}) "
            f"SELECT key, value, predicted, band, reasons, seen, {REASONS} AS words, place, before, before_band FROM ({joined}) "
            f"WHERE {condition} ORDER BY value DESC, key", params=used or None,
        )  # fmt: skip


def records_meant(run: ScoringRun, base: ScoringRun | None, which: Which, names: Sequence[str]) -> list[dict[str, Any]]:
    """The records meant, the highest score first, as dictionaries of these of the columns of `selected` (no words)."""
    if max(run.scored, base.scored if base is not None else 0) > SMALL:
        with selected(run, base, which) as relation:
            told = relation.select(*names)  # what is not asked for is not worked out
            return [row for batch in told.to_arrow_reader(10_000) for row in batch.to_pylist()]
    if _is_silent(run, base, which):
        return []
    compared_with = base if base is not None and base.id != run.id else None
    with ExitStack() as open_files:
        now, *earlier = (
            open_files.enter_context(storage.local_copy(one.history_key)) for one in (run, compared_with) if one
        )
        return small_selection.meant(now, next(iter(earlier), None), which).select(names).to_pylist()


def _is_silent(run: ScoringRun, base: ScoringRun | None, which: Which) -> bool:
    """Without a run before nobody has crossed anything, and the same run has been told already."""
    if base is None:
        return which.kind not in ("all", "top")
    return base.id == run.id and which.kind != "all"


def as_records(relation: duckdb.DuckDBPyRelation, most: int | None = None) -> list[dict[str, Any]]:
    """The selected records as dictionaries, at most `most`."""
    found = relation.limit(most) if most is not None else relation
    return found.to_arrow_table().to_pylist()
