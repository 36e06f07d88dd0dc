"""Executors: one file or folder a kind of place where models are trained. The folder is the registration."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from apps.predictions.executors.base import Executor
from einstein.ml.discovery import modules_in


@lru_cache
def registry() -> dict[str, type[Executor]]:
    """Every executor by kind."""
    return {module.EXECUTOR.kind: module.EXECUTOR for module in modules_in(__name__, __path__)}


def chosen() -> Executor:
    """The one that EINSTEIN_TRAIN_EXECUTOR names: a kind, or kind://address."""
    kind, _, address = settings.TRAIN_EXECUTOR.partition("://")
    return registry()[kind](address)
