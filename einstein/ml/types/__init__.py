"""Field types. Each module in this folder holds one type; the folder is the registration."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from einstein.ml.types.base import FieldType


@lru_cache
def registry() -> dict[str, FieldType]:
    """Every field type by name, in the order in which detection asks them."""
    found: list[FieldType] = []
    for module in pkgutil.iter_modules(__path__):
        if module.name != "base":
            found.append(importlib.import_module(f"{__name__}.{module.name}").TYPE)
    return {kind.name: kind for kind in sorted(found, key=lambda kind: kind.order)}


def field_type(name: str) -> FieldType:
    """The type called `name`; `KeyError` when there is none."""
    return registry()[name]
