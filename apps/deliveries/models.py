"""Where scores are pushed: today, widgets on other web pages."""

from __future__ import annotations

from django.db import models

from apps.workspaces.tenancy import TenantModel


class Widget(TenantModel):
    """An embeddable score. Its key is derived from the installation's secret and `turn`; turning it ends all addresses."""

    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.CASCADE, related_name="widgets")
    name = models.CharField(max_length=80)
    origins = models.JSONField(default=list)
    turn = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    last_shown_at = models.DateTimeField(null=True)
