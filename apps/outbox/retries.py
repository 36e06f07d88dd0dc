"""When something that failed is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta

from einstein.postgres import moment

# Svix's schedule (DEFAULTS): now, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h, then it is dead and visible.
RETRY_SECONDS = [5, 300, 1800, 7200, 18000, 36000, 36000]


def next_try(attempts: int) -> datetime | None:
    """When to try again after so many attempts in vain, or None when it is given up."""
    if attempts > len(RETRY_SECONDS):
        return None
    return moment.now() + timedelta(seconds=RETRY_SECONDS[attempts - 1])
