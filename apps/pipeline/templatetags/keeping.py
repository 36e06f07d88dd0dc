"""Template tags that say how long something is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template

from apps.pipeline.clean import own_days
from apps.pipeline.retention import registry

register = template.Library()


@register.simple_tag
def days_kept(kind: str) -> int:
    """Days that the workspace keeps a kind; one query."""
    return registry()[kind].kept_with(own_days())


@register.filter
def days_later(moment: datetime, days: int) -> datetime:
    return moment + timedelta(days=days)
