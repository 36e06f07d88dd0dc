"""Loaded models, kept by content hash: the newest few per process."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from einstein import storage
from einstein.ml.artifact import Model, load_model

KEPT_MODELS = 16


class Stored(Protocol):
    """Where a version's model lies, and its content hash."""

    storage_key: str
    hash: str


def model_of(version: Stored) -> Model:
    """The model of a version; its hash is checked when it is read."""
    return _load(version.storage_key, version.hash)


@lru_cache(maxsize=KEPT_MODELS)
def _load(storage_key: str, expected_hash: str) -> Model:
    with storage.local_copy(storage_key) as folder:
        return load_model(folder, expected_hash)
