"""What a record's score would be if some of its fields were otherwise, within what the model has seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from apps.datasets.records import record_of
from apps.predictions.models import Prediction
from apps.scoring.model_cache import model_of
from apps.scoring.models import Score
from einstein.ml.outside import outside
from einstein.ml.schema import FieldSpec
from einstein.ml.scorer import score_one
from einstein.ml.types import field_type

MOST_KNOBS, MOST_LEVELS = 6, 30


@dataclass
class Knob:
    """One field that may be turned: a number between what was seen, or one of the answers seen."""

    field: str
    value: str
    kind: str  # number or choice
    at: float = 0.0
    low: float = 0.0
    high: float = 0.0
    step: str = "1"
    decimal: str = "."
    levels: list[str] = field(default_factory=list)


def record_now(prediction: Prediction, score: Score) -> dict[str, Any]:
    """The record as it was scored; {} when its snapshot is gone."""
    snapshot = score.scoring_run.snapshot
    return record_of(prediction.dataset, snapshot, score.key) if snapshot else {}


def knobs_of(prediction: Prediction, score: Score, record: dict[str, Any]) -> list[Knob]:
    """The fields that move this record's score most, those first, as far as they can be turned."""
    model = model_of(score.version)
    known = {spec.name: spec for spec in model.encoder.specs}
    wanted = dict.fromkeys([reason["field"] for reason in score.reasons if reason["field"] in known])
    found = [_knob(known[name], model.facts["reference"].get(name, {}), record.get(name)) for name in wanted]
    return [knob for knob in found if knob is not None][:MOST_KNOBS]


def _knob(spec: FieldSpec, reference: dict[str, Any], value: str | None) -> Knob | None:
    if spec.family == "number" and reference.get("max", 0) > reference.get("min", 0):
        at = field_type(spec.type).parse_one(value.strip(), spec.options) if value else None
        if at is None or at != at:
            return None  # a slider has no place for a blank
        low, high = min(reference["min"], at), max(reference["max"], at)
        whole = all(float(number).is_integer() for number in (low, high, at)) and high - low >= 2
        return Knob(
            spec.name,
            value or "",
            "number",
            float(at),
            low,
            high,
            "1" if whole else "any",
            spec.options.get("decimal", "."),
        )
    levels = list(reference.get("levels", {}))
    if spec.family == "category" and 1 < len(levels) <= MOST_LEVELS:
        return Knob(spec.name, value or "", "choice", levels=sorted({*levels, *([value] if value else [])}))
    return None


def what_if(prediction: Prediction, score: Score, record: dict[str, Any], changes: dict[str, str]) -> dict[str, Any]:
    """The score of the record with other values in fields that may be turned; anything else among `changes` is passed over."""
    model = model_of(score.version)
    knobs = {knob.field: knob for knob in knobs_of(prediction, score, record)}
    kept = {
        name: _as_written(knobs[name], str(value).strip())
        for name, value in changes.items()
        if name in knobs and _differs(knobs[name], str(value).strip())
    }
    found = score_one(model, record | kept, 3)
    warnings = [warning for warning in outside(model, record | kept) if warning["field"] in kept]
    return {
        "value": float(found.value[0]), "before": score.value, "predicted": found.predicted[0], "band": found.bands[0], "reasons": found.reasons[0],
        "warnings": warnings, "changed": kept,
    }  # fmt: skip


def _differs(knob: Knob, value: str) -> bool:
    if knob.kind == "choice":
        return value in knob.levels and value != knob.value
    try:
        number = float(value)
    except ValueError:
        return False
    return number != knob.at and knob.low <= number <= knob.high


def _as_written(knob: Knob, value: str) -> str:
    """A slider's place as the field's values are written; a choice as it is."""
    if knob.kind == "choice":
        return value
    return np.format_float_positional(float(f"{float(value):.6g}"), trim="-").replace(".", knob.decimal)
