"""What operators did, kept for good."""

from __future__ import annotations

from django.db import models

from apps.workspaces.models import User


class OperatorEntry(models.Model):
    """One thing an operator did. The application may add rows, never change or remove them. A workspace is a number here: it may be erased."""

    append_only = True

    operator = models.ForeignKey(User, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    operator_name = models.CharField(max_length=200)
    action = models.CharField(max_length=60)
    workspace_number = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
