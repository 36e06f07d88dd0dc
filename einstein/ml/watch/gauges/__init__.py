"""Gauges by the family of a field's type."""

from __future__ import annotations

from einstein.ml.schema import FieldSpec
from einstein.ml.watch.gauges.base import Gauge, Measured, Stat
from einstein.ml.watch.gauges.category import CategoryGauge
from einstein.ml.watch.gauges.date import DateGauge
from einstein.ml.watch.gauges.number import NumberGauge
from einstein.ml.watch.gauges.text import TextGauge

__all__ = ["Gauge", "Measured", "Stat", "gauge_of"]
BY_FAMILY: dict[str, type[Gauge]] = {
    "number": NumberGauge,
    "category": CategoryGauge,
    "date": DateGauge,
    "text": TextGauge,
    "none": TextGauge,
}


def gauge_of(spec: FieldSpec) -> Gauge:
    """An empty gauge for a field."""
    return BY_FAMILY[spec.family](spec)
