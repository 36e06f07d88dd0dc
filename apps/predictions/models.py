"""Predictions and the versions of their models."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.workspaces.tenancy import TenantModel
from einstein.postgres import moment

STATES = ["draft", "active", "paused", "archived", "deleted"]
KINDS = {"binary": "Yes or no", "regression": "A number", "multiclass": "One of several", "rule": "Yes when…"}
SCHEDULES = {"daily": "Every day", "hourly": "Every hour", "weekly": "Every week", "none": "Only when I ask"}
VERSION_STATES = ["training", "candidate", "champion", "retired", "failed"]


class Prediction(TenantModel):
    """What is predicted: dataset, outcome, which records to learn from and to score, fields, schedule."""

    name = models.CharField(max_length=120, default="New prediction")
    question = models.CharField(max_length=200, blank=True)
    template = models.CharField(max_length=40, blank=True)  # as in apps/predictions/templates_catalog
    parts = models.JSONField(default=dict)  # of the template: which field plays which
    dataset = models.ForeignKey("datasets.Dataset", null=True, on_delete=models.PROTECT, related_name="predictions")
    outcome_kind = models.CharField(max_length=10, blank=True)
    outcome_field = models.CharField(max_length=220, blank=True)
    positive = models.CharField(max_length=220, blank=True)
    rule = models.JSONField(default=dict)
    learn_filters = models.JSONField(default=list)
    score_mode = models.CharField(max_length=10, default="open")  # open: outcome blank; all; filtered
    score_filters = models.JSONField(default=list)
    ignored_fields = models.JSONField(default=list)
    kept_fields = models.JSONField(default=list)
    fields_seen = models.BooleanField(default=False)
    time_field = models.CharField(max_length=220, blank=True)
    budget_seconds = models.PositiveIntegerField(default=60)
    schedule = models.CharField(max_length=8, default="daily")
    schedule_hour = models.PositiveSmallIntegerField(default=6)
    schedule_weekday = models.PositiveSmallIntegerField(default=0)
    steps_done = models.JSONField(default=list)
    state = models.CharField(max_length=10, default="draft")
    state_before = models.CharField(max_length=10, default="draft")
    deleted_at = models.DateTimeField(null=True)  # a trigger writes it whenever the state changes
    enable_when_ready = models.BooleanField(default=False)
    training = models.JSONField(default=dict)  # fixed seed, trials and threads, where somebody set them
    champion = models.ForeignKey("ModelVersion", null=True, on_delete=models.SET_NULL, related_name="+")
    owner = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")
    next_run_at = models.DateTimeField(null=True)
    last_slot_at = models.DateTimeField(null=True)
    created_at = moment.MomentField(auto_now_add=True)
    updated_at = moment.MomentField(auto_now=True)

    class Meta(TenantModel.Meta):
        constraints = [models.CheckConstraint(condition=Q(state__in=STATES), name="prediction_state_is_known")]
        indexes = [
            models.Index(fields=["next_run_at"], condition=Q(state="active"), name="predictions_due")
        ]  # the clock

    def __str__(self) -> str:
        return self.name

    @property
    def task(self) -> str:
        return "binary" if self.outcome_kind == "rule" else self.outcome_kind


class ModelVersion(TenantModel):
    """One trained model of a prediction, with its scorecard."""

    prediction = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, default="training")
    snapshot = models.ForeignKey("datasets.Snapshot", null=True, on_delete=models.SET_NULL, related_name="+")
    storage_key = models.CharField(max_length=300, blank=True)
    hash = models.CharField(max_length=64, blank=True)
    facts = models.JSONField(default=dict)
    failure = models.TextField(blank=True)
    created_by = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = moment.MomentField(auto_now_add=True)
    enabled_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["prediction", "number"], name="one_version_per_number"),
            models.UniqueConstraint(
                fields=["prediction"], condition=Q(state="champion"), name="one_champion_per_prediction"
            ),
            models.CheckConstraint(condition=Q(state__in=VERSION_STATES), name="version_state_is_known"),
        ]

    @property
    def scorecard(self) -> dict:
        return self.facts.get("scorecard", {})
