"""People, those that are invited included."""

from apps.workspaces.models import Invitation, Membership
from apps.workspaces.quota_kinds.base import Quota, counted


def used() -> int:
    return Membership.objects.count() + Invitation.objects.filter(accepted_at=None).count()


QUOTA = Quota(
    "members", "People", "have", counted("person", "people"), 500, used, "Remove somebody, or withdraw an invitation", order=60
)  # fmt: skip
