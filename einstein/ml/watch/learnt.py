"""Everything that rests on the reference alone: the gauges of its fields, how fields go together, and what its scores follow from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from einstein.ml.schema import FieldSpec, detect
from einstein.ml.watch.evidence import Panel
from einstein.ml.watch.gauges import Gauge, Measured, gauge_of
from einstein.ml.watch.gauges.number import ScoreGauge
from einstein.ml.watch.relations import Company, ScoreCompany
from einstein.ml.watch.table import Batch, Values, spread

MOST_TOGETHER = 1000  # records that company is told on: a change that matters is 8 of their standard errors or more
LEAST_NUMBERED = 200  # records before whole numbers that all differ are taken for names


class Learnt:
    """What a reference taught. `specs` are its fields, detected when None; `left_out` are fields that are none."""

    def __init__(
        self, table: Batch, score: str, specs: list[FieldSpec] | None, left_out: set[str | None], seed: int = 0
    ) -> None:
        self.table, self.rows = table, table.rows
        self.specs = [
            spec
            for spec in specs or _detected(table)
            if spec.name not in {score, *left_out} and spec.name in table.columns
        ]
        self.values = {spec.name: table.read(spec) for spec in self.specs}
        self.gauges = [
            gauge_of(spec).fit(self.values[spec.name]) for spec in self.specs if _tells(self.values[spec.name])
        ]
        self.score_spec = FieldSpec(score, "number")
        self.scores = table.read(self.score_spec) if score in table.columns else None
        self.score = _score_gauge(self.score_spec, self.scores)
        self.company = Company(self.gauges).fit(self.values, self.rows)
        self.score_company = ScoreCompany(self.gauges, self.score)
        if self.scores is not None:
            self.score_company.fit(self.values, self.scores, seed)
        self.panel = Panel(self.all_gauges())

    def all_gauges(self) -> list[Gauge]:
        """In the panel's order: fields, the score, fields' company, the score's company."""
        score: list[Gauge] = [self.score] if self.score else []
        company: list[Gauge] = [self.score_company.gauge] if self.score_company.gauge else []
        return [*self.gauges, *score, *self.company.gauges, *company]

    @property
    def first_company(self) -> int:
        """The place in the panel of the first gauge of the fields' company."""
        return len(self.gauges) + bool(self.score)

    def scope(self, place: int) -> str:
        """Which kind of alarm a gauge of the panel gives."""
        if place < len(self.gauges):
            return "field"
        return "relation" if self.first_company <= place < self.first_company + len(self.company.gauges) else "score"

    def measure(self, values: dict[str, Values], scores: Values | None, rows: int) -> list[Measured | None]:
        """What each gauge of the panel shows of a batch."""
        found: list[Measured | None] = [
            gauge.measure(values[gauge.field]) if gauge.field in values else None for gauge in self.gauges
        ]
        if self.score:
            found.append(self.score.measure(scores) if scores else None)
        together, count = spread(values | ({self.score_spec.name: scores} if scores else {}), rows, MOST_TOGETHER)
        found += self.company.measure(together, count)
        if self.score_company.gauge:
            found.append(self.score_company.measure(together, together[self.score_spec.name]) if scores else None)
        return found

    def measure_rows(self, rows: np.ndarray) -> list[Measured | None]:
        """The same of some records of the reference."""
        scores = self.scores.take(rows) if self.scores else None
        return self.measure({name: whole.take(rows) for name, whole in self.values.items()}, scores, len(rows))

    def key(self) -> str | None:
        """The first id field that names each record of the reference."""
        for spec in self.specs:
            column = self.values[spec.name].column
            if (
                spec.type == "id"
                and column.numbers is None
                and not column.blank.any()
                and len(np.unique(column.codes)) == len(column)
            ):
                return spec.name
        return None

    def forget_records(self) -> None:
        """Let go of the reference's records once nothing more is to be learnt from them."""
        self.table, self.values, self.scores = Batch({}, 0), {}, None


def _score_gauge(spec: FieldSpec, scores: Values | None) -> ScoreGauge | None:
    if scores is None or not _tells(scores):
        return None
    gauge = ScoreGauge(spec)
    gauge.fit(scores)
    return gauge


def _detected(table: Batch) -> list[FieldSpec]:
    found = []
    for name in table.columns:
        spec = detect(name, pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([table.text(name)]))))
        found.append(FieldSpec(name, "id") if spec.family == "number" and _numbers_rows(table.read(spec)) else spec)
    return found


def _numbers_rows(values: Values) -> bool:
    """Whole numbers that all differ name records: how large they are says nothing."""
    numbers = values.column.values
    filled = numbers[~np.isnan(numbers)]
    return (
        len(filled) >= LEAST_NUMBERED
        and len(np.unique(filled)) == len(numbers)
        and bool((filled == np.floor(filled)).all())
    )


def _tells(values: Values) -> bool:
    """Whether the reference holds anything to compare with."""
    return len(values.column) > 0 and not values.column.blank.all()
