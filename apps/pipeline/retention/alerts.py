"""Alerts that are over, with all that happened to them."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.monitoring.models import Incident
from apps.pipeline.retention import Kind, before


def due(days: int) -> QuerySet:
    return Incident.objects.filter(state="resolved", resolved_at__lt=before(days)).order_by("id")


def remove(rows: list[Incident]) -> list[str]:
    Incident.objects.filter(id__in=[row.id for row in rows]).delete()
    return []


KIND = Kind(
    "alerts", "Alerts that are over", "The alert, what was done, and who was told.", "Every alert that is open.", 730, 70, due, remove, least=30,
)  # fmt: skip
