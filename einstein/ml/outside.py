"""Where one record differs from what the model learnt from: fields not given, values that cannot be read, values never seen."""

from __future__ import annotations

from typing import Any

from einstein.ml.artifact import Model
from einstein.ml.schema import FieldSpec
from einstein.ml.types import field_type
from einstein.ml.types.date import as_date

WORDS = {
    "not_given": "{field} is not in the record and counts as blank.",
    "unreadable": "{field} is “{value}”, which is no {kind}; it counts as blank.",
    "outside": "{field} is {value}; the model learnt from {low} to {high}.",
    "unseen": "{field} is “{value}”, which the model has never seen.",
}
SHOWN = 60


def outside(model: Model, record: dict[str, Any]) -> list[dict[str, str]]:
    """{"field", "code", "words"} of each field of a model where a record of values as written is unusual."""
    found = []
    for spec in model.encoder.specs:
        code, details = _judged(spec, model.facts["reference"].get(spec.name, {}), record)
        if code:
            found.append({"field": spec.name, "code": code, "words": WORDS[code].format(field=spec.name, **details)})
    return found


def _judged(spec: FieldSpec, reference: dict[str, Any], record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if spec.name not in record:
        return "not_given", {}
    text = record[spec.name]
    text = text.strip() if isinstance(text, str) else None if text is None or text != text else str(text)
    if not text:
        return "", {}
    value = field_type(spec.type).parse_one(text, spec.options)
    if value is None or value != value or value == "":
        return "unreadable", {"value": text[:SHOWN], "kind": spec.type}
    if spec.family == "number" and "min" in reference and not reference["min"] <= value <= reference["max"]:
        return "outside", {"value": text[:SHOWN], "low": f"{reference['min']:,.6g}", "high": f"{reference['max']:,.6g}"}
    # Dates go on: only those before the learnt range are strange.
    if spec.family == "date" and "min" in reference and str(as_date(float(value))) < reference["min"]:
        return "outside", {"value": text[:SHOWN], "low": reference["min"][:10], "high": reference["max"][:10]}
    if spec.family == "category" and reference.get("all_levels") and str(value) not in reference["levels"]:
        return "unseen", {"value": text[:SHOWN]}
    return "", {}
