"""Observations, the watch over each prediction, and alerts."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.workspaces.tenancy import TenantModel

ALERT_STATES = ["open", "acknowledged", "snoozed", "resolved"]
OPEN_STATES = ["open", "acknowledged", "snoozed"]


class Observation(TenantModel):
    """One measured value of a monitor at one time, such as the share of a field's values outside the learnt range."""

    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.CASCADE, related_name="+")
    scoring_run = models.ForeignKey("scoring.ScoringRun", null=True, on_delete=models.CASCADE, related_name="+")
    metric = models.CharField(max_length=30)
    field = models.CharField(max_length=220, blank=True)
    value = models.FloatField()
    detail = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["scoring_run", "metric", "field"], name="one_observation_per_run_and_metric"
            ),
        ]
        indexes = [models.Index(fields=["prediction", "metric", "-at"], name="observations_newest")]


class Watch(TenantModel):
    """When a prediction is looked at next, and what each check said last."""

    prediction = models.OneToOneField("predictions.Prediction", on_delete=models.CASCADE, related_name="watch")
    next_check_at = models.DateTimeField(default=timezone.now)
    findings = models.JSONField(default=dict)
    checked_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["next_check_at"], name="watches_due")]


class Alert(TenantModel):
    """A check that is failing. It opens once, tells once, and is resolved when the check passes again."""

    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.CASCADE, related_name="alerts")
    check_kind = models.CharField(max_length=30)
    state = models.CharField(max_length=12, default="open")
    severity = models.CharField(max_length=8)
    title = models.CharField(max_length=250)
    answers = models.JSONField()
    opened_at = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(null=True)
    told_to = models.JSONField(default=list)
    announced_at = models.DateTimeField(null=True)  # to the destinations that want to know
    snoozed_until = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")
    resolved_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ALERT_STATES), name="alert_state_is_known"),
            models.UniqueConstraint(
                fields=["prediction", "check_kind"], condition=Q(state__in=OPEN_STATES), name="one_open_alert_per_check"
            ),
        ]


class AlertEvent(TenantModel):
    """One thing that happened to an alert."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=20)
    words = models.CharField(max_length=400)
    at = models.DateTimeField(default=timezone.now)
