"""Where scores are pushed: deliveries to databases, web addresses, people and files, and widgets on other web pages."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.workspaces.tenancy import TenantModel
from einstein.postgres import moment

DELIVERY_STATES = ["draft", "active", "paused"]
SCHEDULES = {"run": "After every scoring", "daily": "Every day", "weekly": "Every week", "none": "Only when I ask"}


class Widget(TenantModel):
    """An embeddable score. Its key is derived from the installation's secret and `turn`; turning it ends all addresses.

    `refusals` counts what was asked with a true token or address since a score was shown last, and `refusal` says why it showed none.
    """

    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.CASCADE, related_name="widgets")
    name = models.CharField(max_length=80)
    origins = models.JSONField(default=list)
    turn = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = moment.MomentField(auto_now_add=True)
    last_shown_at = models.DateTimeField(null=True)
    refusals = models.PositiveIntegerField(default=0)
    refusal = models.CharField(max_length=10, blank=True)
    refused_since = models.DateTimeField(null=True)


class Delivery(TenantModel):
    """Where the scores of a prediction are pushed, which of them, and when.

    `compared_with` is the scoring run that was delivered or planned last: rules fire on what has changed since. `ledger_key` names a
    file that says what a database holds from us, so that only changed rows are written.
    """

    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=30)
    name = models.CharField(max_length=120)
    settings = models.JSONField(default=dict)  # what may be shown again
    sealed = models.TextField(blank=True)  # what is never shown again (einstein.sealed)
    which = models.JSONField(default=dict)  # as apps.deliveries.selection.Which
    schedule = models.CharField(max_length=8, default="run")
    schedule_hour = models.PositiveSmallIntegerField(default=8)
    schedule_weekday = models.PositiveSmallIntegerField(default=0)
    next_run_at = models.DateTimeField(null=True)
    compared_with = models.ForeignKey("scoring.ScoringRun", null=True, on_delete=models.SET_NULL, related_name="+")
    ledger_key = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=8, default="draft")
    paused_because = models.CharField(max_length=300, blank=True)
    failing_since = models.DateTimeField(null=True)
    created_by = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = moment.MomentField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(state__in=DELIVERY_STATES), name="delivery_state_is_known"),
            models.CheckConstraint(condition=Q(schedule__in=list(SCHEDULES)), name="delivery_schedule_is_known"),
        ]
        indexes = [models.Index(fields=["next_run_at"], condition=Q(state="active"), name="deliveries_due")]

    def __str__(self) -> str:
        return self.name


class OptOut(TenantModel):
    """Somebody who wants no more e-mails of one delivery. Addresses are kept in small letters."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="opt_outs")
    address = models.EmailField()
    at = moment.MomentField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["delivery", "address"], name="one_opt_out_per_address")]
