"""Reads that prediction pages need, in a constant number of queries."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.predictions.models import ModelVersion, Prediction


def prediction_list() -> QuerySet[Prediction]:
    """All predictions, those in use first."""
    return Prediction.objects.select_related("dataset", "champion").order_by("state", "-updated_at")


def version_list(prediction: Prediction) -> list[ModelVersion]:
    """Versions newest first, without their heavy facts."""
    return list(ModelVersion.objects.filter(prediction=prediction).defer("facts").order_by("-number")[:50])


def newest_version(prediction: Prediction) -> ModelVersion | None:
    return ModelVersion.objects.filter(prediction=prediction).defer("facts").order_by("-number").first()
