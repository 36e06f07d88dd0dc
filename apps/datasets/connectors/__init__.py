"""Connectors: one folder a kind of source. The folder is the registration; nothing outside it is edited for a new one."""

from __future__ import annotations

from functools import lru_cache

from apps.datasets.connectors.base import Connector
from einstein.ml.discovery import modules_in


@lru_cache
def registry() -> dict[str, type[Connector]]:
    """Every connector by kind, in the order the page shows them."""
    found: list[type[Connector]] = [module.CONNECTOR for module in modules_in(__name__, __path__)]
    return {connector.kind: connector for connector in sorted(found, key=lambda connector: connector.order)}
