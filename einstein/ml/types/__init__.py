"""Field types. Each module in this folder holds one type; the folder is the registration."""

from __future__ import annotations

from functools import lru_cache

from einstein.ml.discovery import modules_in
from einstein.ml.types.base import FieldType


@lru_cache
def registry() -> dict[str, FieldType]:
    """Every field type by name, in the order in which detection asks them."""
    found: list[FieldType] = [module.TYPE for module in modules_in(__name__, __path__)]
    return {kind.name: kind for kind in sorted(found, key=lambda kind: kind.order)}


def field_type(name: str) -> FieldType:
    """The type called `name`; `KeyError` when there is none."""
    return registry()[name]
