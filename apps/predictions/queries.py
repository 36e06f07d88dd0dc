"""Reads that prediction pages need, in a constant number of queries."""

from __future__ import annotations

from django.db.models import F, Func, JSONField, QuerySet
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.http import QueryDict
from django.shortcuts import get_object_or_404

from apps.datasets.models import Dataset
from apps.predictions.models import ModelVersion, Prediction

DELETED_SHOWN = 50
# The names alone of what the champion learnt from: its facts as a whole would take longer to read than all else.
CHAMPIONS_FIELDS = Func(
    F("champion__facts"), template="jsonb_path_query_array(%(expressions)s, '$.fields[*].name')", output_field=JSONField()
)  # fmt: skip


def prediction_list() -> QuerySet[Prediction]:
    """All predictions but deleted ones, those in use first, each with its `grade` and without the model's heavy facts."""
    return (
        Prediction.objects.exclude(state="deleted").select_related("dataset", "champion").defer("champion__facts")
        .annotate(grade=KeyTextTransform("grade", KeyTransform("scorecard", "champion__facts"))).order_by("state", "-updated_at")
    )  # fmt: skip


def chosen_dataset(answers: QueryDict) -> Dataset | None:
    """The dataset in use that a form names, or None."""
    number = answers.get("dataset", "")
    return Dataset.objects.filter(id=number, state="active").first() if number.isdecimal() else None


def deleted_predictions() -> QuerySet[Prediction]:
    """What can still be brought back."""
    return Prediction.objects.filter(state="deleted").order_by("name", "id")[:DELETED_SHOWN]


def fields_in_use(dataset_id: int) -> set[str]:
    """Fields of a dataset that predictions stand on: learnt from, the outcome, a filter's, the time."""
    used: set[str] = set()
    alive = (
        Prediction.objects.filter(dataset_id=dataset_id)
        .exclude(state__in=["deleted", "archived"])
        .annotate(learnt=CHAMPIONS_FIELDS)
    )
    for prediction in alive:
        filters = [
            *prediction.learn_filters,
            *prediction.score_filters,
            *([prediction.rule] if prediction.rule else []),
        ]
        used |= {prediction.outcome_field, prediction.time_field, *(rule["field"] for rule in filters)}
        used |= set(prediction.learnt or ())
    return used - {""}


def version_list(prediction: Prediction) -> list[ModelVersion]:
    """Versions newest first, without their heavy facts."""
    return list(ModelVersion.objects.filter(prediction=prediction).defer("facts").order_by("-number")[:50])


def enabled_prediction(prediction_id: int) -> Prediction:
    """A prediction with an enabled version; 404 otherwise."""
    return get_object_or_404(
        Prediction.objects.select_related("dataset", "champion"), id=prediction_id, champion__isnull=False
    )


def newest_version(prediction: Prediction) -> ModelVersion | None:
    return ModelVersion.objects.filter(prediction=prediction).defer("facts").order_by("-number").first()
