"""Which records of a scoring run are meant: all, or those whose score crossed, jumped, changed band or entered the top since the run before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from apps.datasets.engine import engine_for, literal
from apps.predictions.models import Prediction
from apps.scoring.models import ScoringRun
from einstein import storage
from einstein.web.templatetags.words import plural, score

MEMORY = "1GB"  # for the sorting of a million records with their reasons
BANDS = {"high": "High", "medium": "Medium", "low": "Low"}
# A record that is new counts as one that came from below; a jump needs a score to jump from.
CONDITIONS = {
    "all": "true",
    "changed": "compared AND before_band IS DISTINCT FROM band AND before IS NOT NULL",
    "enters": "compared AND band = $band AND before_band IS DISTINCT FROM band",
    "rises": "compared AND value >= $limit AND (before IS NULL OR before < $limit)",
    "falls": "compared AND value <= $limit AND (before IS NULL OR before > $limit)",
    "jumps": "compared AND before IS NOT NULL AND abs(value - before) >= $limit",
    "top": "place <= $count AND (before_place IS NULL OR before_place > $count)",
}
# Reasons as people read them, as einstein.ml.explain.reason_words puts them; a test holds the two together.
REASON = (
    "CASE WHEN r.value IS NULL THEN r.field || ' is blank' ELSE r.field || ' is ' || r.value END || ': ' || r.direction"
)
KEPT_REASONS = """from_json(reasons, '[{"field": "VARCHAR", "value": "VARCHAR", "direction": "VARCHAR"}]')"""
REASONS = f"array_to_string(list_transform({KEPT_REASONS}[1:3], lambda r: {REASON}), '; ')"


@dataclass(frozen=True)
class Which:
    """A rule by clicks. `limit` is a chance from 0 to 1 or a number in the outcome's unit, `count` a number of records."""

    kind: str = "all"
    band: str = "high"
    limit: float = 0.5
    count: int = 10

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Which:
        return cls(**facts)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def words(self, prediction: Prediction) -> str:
        """The rule in words: limits in percent or in the outcome's own unit, moves in points."""
        noun, shown = plural(prediction.dataset.noun), score(self.limit, prediction.task)
        moved = shown if prediction.task == "regression" else f"{round(self.limit * 100, 1):g} points"
        return {
            "all": f"All {noun}", "changed": f"{noun.capitalize()} whose band has changed", "enters": f"{noun.capitalize()} that enter the {BANDS[self.band]} band",
            "rises": f"{noun.capitalize()} whose score rises to {shown} or more", "falls": f"{noun.capitalize()} whose score falls to {shown} or less",
            "jumps": f"{noun.capitalize()} whose score moves by {moved} or more", "top": f"{noun.capitalize()} that enter the top {self.count:,}",
        }[self.kind]  # fmt: skip


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
        compared, same_run = base is not None and base.id != run.id, base is not None and base.id == run.id
        placed = "SELECT *, row_number() OVER (ORDER BY value DESC, key) AS place FROM read_parquet({})"
        earlier = "SELECT * FROM now WHERE false"
        if compared:
            earlier = placed.format(literal(open_files.enter_context(storage.local_copy(base.history_key))))
        joined = (
            f"SELECT now.key, now.value, now.predicted, now.band, now.reasons, now.seen, now.place, earlier.value AS before, earlier.band AS before_band, "
            f"earlier.place AS before_place, {str(compared).lower()} AS compared FROM now LEFT JOIN earlier USING (key)"
        )
        values = {"band": which.band, "limit": which.limit, "count": which.count}
        condition = "false" if same_run and which.kind != "all" else CONDITIONS[which.kind]
        used = {name: value for name, value in values.items() if f"${name}" in condition}
        yield database.sql(
            f"WITH now AS ({placed.format(literal(now))}), earlier AS ({earlier}) "
            f"SELECT key, value, predicted, band, reasons, seen, {REASONS} AS words, place, before, before_band FROM ({joined}) "
            f"WHERE {condition} ORDER BY value DESC, key", params=used or None,
        )  # fmt: skip


def as_records(relation: duckdb.DuckDBPyRelation, most: int | None = None) -> list[dict[str, Any]]:
    """The selected records as dictionaries, at most `most`."""
    found = relation.limit(most) if most is not None else relation
    return found.to_arrow_table().to_pylist()
