"""Answers of a pure function kept for the tests that ask the same again."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import wraps

from einstein.ml.columns import Texts
from einstein.ml.schema import FieldSpec


def remembering(detect: Callable[..., FieldSpec]) -> Callable[..., FieldSpec]:
    """`detect`, which asks once for the same name, values and forced type."""
    known: dict[int, FieldSpec] = {}

    @wraps(detect)
    def asked(name: str, values: Texts, forced: str | None = None) -> FieldSpec:
        key = hash((name, forced, values.codes.tobytes(), tuple(values.levels)))
        if key not in known:
            known[key] = detect(name, values, forced)
        return deepcopy(known[key])

    return asked
