"""Minutes of training, a calendar month: the time that trainings ran, whatever became of them."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, Greatest, Least

from apps.runs.models import Run
from apps.workspaces.quota_kinds.base import Quota, counted
from apps.workspaces.standing import standing
from einstein.postgres import moment


def trainings() -> QuerySet[Run]:
    """Trainings of this month, each with how long it ran within it as `took`."""
    known = standing()
    runs = Run.objects.filter(Q(ended_at=None) | Q(ended_at__gt=known.begin), kind="train", started_at__isnull=False)
    ended = Coalesce("ended_at", Value(moment.now()))
    return runs.annotate(took=Least(ended, known.end) - Greatest(F("started_at"), known.begin))


def used() -> int:
    took = trainings().aggregate(sum=Sum("took"))["sum"]
    return int(took.total_seconds() // 60) if took else 0


QUOTA = Quota(
    "training_minutes", "Training", "train for", counted("minute", "minutes"), 3000, used, "Train less often, or with a smaller budget",
    order=40, monthly=True,
)  # fmt: skip
