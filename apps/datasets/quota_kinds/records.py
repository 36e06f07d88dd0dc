"""Records: the rows of the newest snapshots of all datasets but deleted ones."""

from __future__ import annotations

from django.db.models import OuterRef, QuerySet, Subquery, Sum

from apps.datasets.models import Dataset, Snapshot
from apps.workspaces.quota_kinds.base import Quota, counted


def counted_datasets() -> QuerySet[Dataset]:
    """Datasets that count, each with the rows of its newest snapshot as `records`."""
    newest = Snapshot.objects.filter(dataset=OuterRef("pk")).order_by("-number").values("rows")[:1]
    return Dataset.objects.exclude(state="deleted").annotate(records=Subquery(newest))


def used() -> int:
    return counted_datasets().aggregate(sum=Sum("records"))["sum"] or 0


QUOTA = Quota(
    "records", "Records", "hold", counted("record", "records"), 20_000_000, used, "Delete a dataset that nobody needs any more", order=20
)  # fmt: skip
