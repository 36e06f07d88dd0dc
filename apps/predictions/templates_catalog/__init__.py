"""Ready-made predictions: one file each. The file is the registration; nothing outside it is edited for a new one."""

from __future__ import annotations

from functools import lru_cache

from apps.predictions.templates_catalog.base import Template
from einstein.ml.discovery import modules_in


@lru_cache
def registry() -> dict[str, Template]:
    """Every template by kind, in the order the page shows them."""
    found: list[Template] = [module.TEMPLATE for module in modules_in(__name__, __path__)]
    return {template.kind: template for template in sorted(found, key=lambda template: template.order)}
