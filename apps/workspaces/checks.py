"""Quotas that no kind knows are refused at start."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register

from apps.workspaces.quotas import registry


@register()
def quotas_are_known(app_configs: Any, **kwargs: Any) -> list[Error]:
    """A misspelt kind would silently leave the default in place."""
    unknown = sorted(set(settings.QUOTAS) - set(registry()))
    negative = sorted(kind for kind, value in settings.QUOTAS.items() if value < 0)
    hint = f"Kinds are {', '.join(registry())}, each with a whole number from 0 on: EINSTEIN_QUOTAS=records=1000000,predictions=10"
    return [
        Error(f"EINSTEIN_QUOTAS sets {kind}, which cannot be.", hint=hint, id="einstein.E014")
        for kind in [*unknown, *negative]
    ]
