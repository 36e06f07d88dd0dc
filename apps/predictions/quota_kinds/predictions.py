"""Predictions but deleted ones, drafts included."""

from apps.predictions.models import Prediction
from apps.workspaces.quota_kinds.base import Quota, counted


def used() -> int:
    return Prediction.objects.exclude(state="deleted").count()


QUOTA = Quota(
    "predictions", "Predictions", "have", counted("prediction", "predictions"), 50, used, "Delete a prediction that nobody needs any more", order=30
)  # fmt: skip
