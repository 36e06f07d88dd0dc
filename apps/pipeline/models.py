"""How long a workspace wants things kept, and when it is cleaned next."""

from __future__ import annotations

from django.db import models

from apps.workspaces.tenancy import TenantModel
from einstein.postgres import moment


class Retention(TenantModel):
    """`days` are a workspace's own choices, {kind: days}, as apps.pipeline.retention; a kind that is not there follows the installation."""

    days = models.JSONField(default=dict)
    next_at = moment.MomentField(default=moment.now)
    swept_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["workspace"], name="one_retention_per_workspace")]
        indexes = [models.Index(fields=["next_at"], name="retentions_due")]
