"""Which queue the work on a dataset goes to: large tables have workers of their own, so that no small one waits behind them."""

from __future__ import annotations

from django.conf import settings

from apps.datasets.models import Snapshot

LARGE_BYTES = 50_000_000  # of an upload, whose records nobody has counted yet: about 200,000 of 30 fields


def lane_of(dataset_id: int, coming_bytes: int = 0) -> str:
    """The queue for work on a dataset as large as its newest snapshot, or as a file that comes."""
    if not settings.WORKERS.get("large"):
        return "interactive"
    newest = Snapshot.objects.filter(dataset_id=dataset_id).order_by("-number").values_list("rows", flat=True).first()
    is_large = (newest or 0) >= settings.LARGE_RECORDS or coming_bytes >= LARGE_BYTES
    return "large" if is_large else "interactive"
