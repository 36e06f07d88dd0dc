"""What the usage page shows: each quota, and what uses most of it, in a constant number of queries."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, F, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from apps.datasets.models import Dataset, Snapshot, Upload
from apps.predictions.models import ModelVersion
from apps.runs.quota_kinds.training_minutes import trainings
from apps.workspaces.models import ApiKey, CallCount, Usage
from apps.workspaces.months import month_after
from apps.workspaces.quotas import figures, operator_words
from apps.workspaces.standing import standing

SHOWN = 10


def usage_page() -> dict[str, Any]:
    known = standing()
    return {
        "figures": figures(), "anew": month_after(known.month), "operator": operator_words(),
        "measured_at": _measured_at(), "datasets": largest_datasets(), "trainings": longest_trainings(), "keys": busiest_keys(),
    }  # fmt: skip


def largest_datasets() -> QuerySet[Dataset]:
    """Datasets by the bytes of their uploads and snapshots; deleted ones too, whose files are still there."""
    newest = Snapshot.objects.filter(dataset=OuterRef("pk")).order_by("-number").values("rows")[:1]
    stored = Coalesce(_sum(Snapshot, "bytes"), Value(0)) + Coalesce(_sum(Upload, "size"), Value(0))
    return Dataset.objects.annotate(records=Subquery(newest), stored=stored).order_by("-stored", "id")[:SHOWN]


def longest_trainings() -> list[dict[str, Any]]:
    """Predictions by the minutes they were trained this month."""
    seconds: Counter[int] = Counter()
    for version_id, took in trainings().values_list("subject_id").annotate(sum=Sum("took")):
        seconds[version_id] += int(took.total_seconds())
    versions = ModelVersion.objects.filter(id__in=list(seconds)).values("id", "prediction_id", "prediction__name")
    found: dict[int, dict[str, Any]] = {}
    for version in versions:
        row = found.setdefault(
            version["prediction_id"], {"id": version["prediction_id"], "name": version["prediction__name"], "seconds": 0, "times": 0}
        )  # fmt: skip
        row["seconds"] += seconds[version["id"]]
        row["times"] += 1
    return sorted(found.values(), key=lambda row: -row["seconds"])[:SHOWN]


def busiest_keys() -> list[dict[str, Any]]:
    """API keys by their calls this month."""
    rows = CallCount.objects.filter(month=standing().month, caller__startswith="key:").order_by("-calls")[:SHOWN]
    calls = {int(row.caller.removeprefix("key:")): row.calls for row in rows}
    keys = ApiKey.objects.filter(id__in=list(calls)).values("id", "name", "revoked_at")
    return sorted((key | {"calls": calls[key["id"]]} for key in keys), key=lambda key: -key["calls"])


def _sum(model: type[Snapshot | Upload], field: str) -> Subquery:
    rows = model.objects.filter(dataset=OuterRef("pk")).order_by().values("dataset")
    return Subquery(rows.annotate(sum=Sum(F(field))).values("sum"), output_field=BigIntegerField())


def _measured_at() -> datetime | None:
    return Usage.objects.filter(kind="stored_bytes").values_list("measured_at", flat=True).first()
