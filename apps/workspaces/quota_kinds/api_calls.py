"""Calls of the REST API with a key, a calendar month."""

from django.db.models import Sum

from apps.workspaces.models import CallCount
from apps.workspaces.quota_kinds.base import Quota, counted
from apps.workspaces.standing import standing


def used() -> int:
    """What was written down so far; each web process adds what it has counted every second."""
    calls = CallCount.objects.filter(month=standing().month, caller__startswith="key:")
    return calls.aggregate(sum=Sum("calls"))["sum"] or 0


QUOTA = Quota(
    "api_calls", "API calls", "make", counted("API call", "API calls"), 2_000_000, used, "Call less often, or send more records a call",
    order=50, monthly=True,
)  # fmt: skip
