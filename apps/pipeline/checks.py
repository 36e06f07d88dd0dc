"""Settings of the nightly cycle that cannot be meant are refused at start."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register

from apps.pipeline.retention import registry


@register()
def days_can_be_kept(app_configs: Any, **kwargs: Any) -> list[Error]:
    """A kind that does not exist keeps nothing any shorter, and a log of a month is none."""
    known, found = registry(), []
    for name, days in settings.KEEP_DAYS.items():
        kind = known.get(name)
        if kind is None:
            hint = f"The kinds are {', '.join(known)}."
            found.append(
                Error(f"EINSTEIN_KEEP_{name.upper()}_DAYS names nothing that is kept.", hint=hint, id="einstein.E010")
            )
        elif days < kind.least:
            hint = f"Set {kind.setting} to {kind.least} or more."
            found.append(Error(f"{kind.title} cannot be kept for {days} days.", hint=hint, id="einstein.E011"))
    return found


@register()
def a_spread_start_is_not_late(app_configs: Any, **kwargs: Any) -> list[Error]:
    """What begins within the jitter of its slot must not count as missing."""
    if settings.JITTER_SECONDS == 0 or 0 < settings.JITTER_SECONDS < settings.GRACE_SECONDS:
        return []
    hint = f"Set it to less than EINSTEIN_GRACE_SECONDS ({settings.GRACE_SECONDS}), or to 0 for none."
    return [
        Error("EINSTEIN_JITTER_SECONDS would let runs begin when they count as missing.", hint=hint, id="einstein.E015")
    ]
