"""The fields of a table: detected types, and parsing by them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from einstein.ml.columns import Column, Texts, text_codes
from einstein.ml.types import field_type, registry
from einstein.ml.types.base import Evidence, words_of

SAMPLE = 2000
CONFIDENT = 0.5


@dataclass
class FieldSpec:
    """One field: its name as the user wrote it, its type, and the type's options. JSON both ways."""

    name: str
    type: str
    options: dict[str, Any] = field(default_factory=dict)
    confidence: float = 1.0

    @property
    def family(self) -> str:
        return field_type(self.type).family

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> FieldSpec:
        return cls(data["name"], data["type"], data.get("options", {}), data.get("confidence", 1.0))


def evidence_of(name: str, values: pd.Series | Texts) -> Evidence:
    """What detection may look at: at most 2,000 filled values spread over the field, and its different values."""
    codes, levels = text_codes(values)
    filled = codes[codes >= 0]
    step = max(1, len(filled) // SAMPLE)
    sample = [levels[code] for code in filled[::step][:SAMPLE]]
    return Evidence(name, sample, len(filled), len(levels), words_of(name), levels)


def detect(name: str, values: pd.Series | Texts, forced: str | None = None) -> FieldSpec:
    """The type of a field of strings. `forced` is the user's own decision; options are still settled on the values."""
    evidence = evidence_of(name, values)
    if forced:
        kind = field_type(forced)
        return FieldSpec(name, forced, kind.options(evidence) if evidence.values else {})
    if not evidence.values:
        return FieldSpec(name, "text", {}, 0.0)
    for kind in registry().values():
        confidence = kind.fits(evidence)
        if confidence >= CONFIDENT:
            return FieldSpec(name, kind.name, kind.options(evidence), round(confidence, 3))
    return FieldSpec(name, "text")


def detect_all(table: pd.DataFrame, forced: dict[str, str] | None = None) -> list[FieldSpec]:
    """The types of every field of a table of strings, in its order."""
    forced = forced or {}
    return [detect(name, table[name], forced.get(name)) for name in table.columns]


def parse(values: pd.Series, spec: FieldSpec) -> pd.Series:
    """Values as written -> a series of values of the type's family."""
    return field_type(spec.type).parse(values, spec.options)


def read_column(values: pd.Series, spec: FieldSpec) -> Column:
    """Values as written -> the compact form that features are made from."""
    return field_type(spec.type).read(values, spec.options)
