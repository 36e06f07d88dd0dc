"""Channels: one folder a kind of delivery. The folder is the registration; nothing outside it is edited for a new one."""

from __future__ import annotations

from functools import lru_cache

from apps.deliveries.channels.base import Channel
from einstein.ml.discovery import modules_in


@lru_cache
def registry() -> dict[str, type[Channel]]:
    """Every channel by kind, in the order the page shows them."""
    found: list[type[Channel]] = [module.CHANNEL for module in modules_in(__name__, __path__)]
    return {channel.kind: channel for channel in sorted(found, key=lambda channel: channel.order)}
