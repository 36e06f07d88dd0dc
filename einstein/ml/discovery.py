"""Kinds are folders: a module put into one is found there and registered nowhere else."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from types import ModuleType


def modules_in(package: str, path: Iterable[str]) -> Iterator[ModuleType]:
    """Every module of a package (its `__name__` and `__path__`) but `base`, which holds the contract."""
    for module in pkgutil.iter_modules(path):
        if module.name != "base":
            yield importlib.import_module(f"{package}.{module.name}")
