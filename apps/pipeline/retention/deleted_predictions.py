"""Predictions that somebody deleted and nobody brought back."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from apps.deliveries.models import Delivery
from apps.monitoring.models import Incident
from apps.outbox.models import Message, Sending
from apps.pipeline.let_go import files_let_go
from apps.pipeline.retention import Kind, before, mail_texts
from apps.predictions.models import ModelVersion, Prediction
from apps.runs.models import LIVE, Run
from apps.workspaces import audit


def due(days: int) -> QuerySet:
    in_training = ModelVersion.objects.filter(prediction=OuterRef("id"), state="training")
    in_scoring = Run.objects.filter(kind="score", subject_id=OuterRef("id"), state__in=LIVE)
    old = Prediction.objects.filter(state="deleted", deleted_at__lt=before(days))
    return old.exclude(Exists(in_training)).exclude(Exists(in_scoring)).order_by("id")


def remove(rows: list[Prediction]) -> list[str]:
    """With its models, scores, outcomes, alerts, widgets and deliveries, the passwords of their destinations, and what e-mails said of its records.

    Runs of trainings stay for as long as Runs do: a month's training minutes are counted by them.
    """
    numbers = [row.id for row in rows]
    deliveries = list(Delivery.objects.filter(prediction__in=numbers).values_list("id", flat=True))
    incidents = list(Incident.objects.filter(alerts__prediction__in=numbers).values_list("id", flat=True))
    with files_let_go() as keys:
        Run.objects.filter(kind="score", subject_id__in=numbers).delete()
        Run.objects.filter(kind__in=["deliver", "dry_run"], subject_id__in=deliveries).delete()
        mails = Message.objects.filter(sending__destination_id__in=deliveries)
        mails.filter(state="pending").delete()
        mail_texts.remove(list(mails.exclude(text="").only("id")))
        Sending.objects.filter(destination_id__in=deliveries).delete()
        Prediction.objects.filter(id__in=numbers).delete()
        Incident.objects.filter(id__in=incidents, alerts=None).delete()
    for row in rows:
        audit.record(None, "prediction gone for good", row.name)
    return keys


KIND = Kind(
    "deleted_predictions", "Predictions you deleted", "Its models, scores, alerts and deliveries: it cannot be brought back.", "What Activity says of it.",
    30, 81, due, remove, batch=1,
)  # fmt: skip
