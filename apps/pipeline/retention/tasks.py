"""What the task queue noted of work that broke off. How a Run ended stands with the Run."""

from __future__ import annotations

from django.db.models import QuerySet
from django_q.models import Task

from apps.pipeline.retention import Kind, before


def due(days: int) -> QuerySet:
    return Task.objects.filter(stopped__lt=before(days)).order_by("stopped")


def remove(rows: list[Task]) -> list[str]:
    Task.objects.filter(id__in=[row.id for row in rows]).delete()
    return []


KIND = Kind(
    "tasks",
    "Notes of the task queue",
    "What broke off in a worker.",
    "How each Run ended.",
    30,
    210,
    due,
    remove,
    inside=False,
)
