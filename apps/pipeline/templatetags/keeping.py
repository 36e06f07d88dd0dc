"""Template tags that say how long something is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template

from apps.pipeline.clean import own_days
from apps.pipeline.retention import registry
from einstein.postgres import moment

register = template.Library()


@register.simple_tag
def days_kept(kind: str) -> int:
    """Days that the workspace keeps a kind; one query."""
    return registry()[kind].kept_with(own_days())


@register.filter
def last_of(deleted_at: datetime, days: int) -> datetime | None:
    """The day until which something deleted can be brought back in any case; None once that is over."""
    last = deleted_at + timedelta(days=days)
    return last if last > moment.now() else None
