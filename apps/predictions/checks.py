"""An executor that cannot train here is refused at start."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register

from apps.predictions.executors import chosen, registry


@register()
def models_can_be_trained(app_configs: Any, **kwargs: Any) -> list[Error]:
    kind = settings.TRAIN_EXECUTOR.partition("://")[0]
    if kind not in registry():
        hint = f"Write one of: {', '.join(sorted(registry()))}."
        return [Error(f"EINSTEIN_TRAIN_EXECUTOR names {kind}, which is not known.", hint=hint, id="einstein.E012")]
    problem = chosen().problem()
    return [Error("Models cannot be trained as set.", hint=problem, id="einstein.E013")] if problem else []
