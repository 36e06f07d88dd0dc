"""Datasets, their immutable snapshots, and their fields."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.workspaces.tenancy import TenantModel

STATES = ["active", "paused", "archived", "deleted"]
DUPLICATE_POLICIES = {"last": "Keep the last", "first": "Keep the first", "refuse": "Refuse the file"}


class Dataset(TenantModel):
    """A named table of records with a key field, fed by uploads."""

    name = models.CharField(max_length=120)
    noun = models.CharField(max_length=40, default="record")
    key_field = models.CharField(max_length=220, blank=True)
    duplicates = models.CharField(max_length=8, default="last")
    state = models.CharField(max_length=10, default="active")
    state_before = models.CharField(max_length=10, default="active")
    owner = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(state__in=STATES), name="dataset_state_is_known"),
            models.CheckConstraint(
                condition=Q(duplicates__in=list(DUPLICATE_POLICIES)), name="dataset_policy_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Upload(TenantModel):
    """A file as received, kept byte for byte."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="uploads")
    filename = models.CharField(max_length=255)
    size = models.BigIntegerField()
    storage_key = models.CharField(max_length=300)
    uploaded_by = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")
    uploaded_at = models.DateTimeField(auto_now_add=True)


class Snapshot(TenantModel):
    """One immutable version of a dataset: a Parquet file with a content hash. Never edited, only superseded."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="snapshots")
    upload = models.OneToOneField(Upload, null=True, on_delete=models.SET_NULL, related_name="snapshot")
    number = models.PositiveIntegerField()
    storage_key = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)
    rows = models.BigIntegerField()
    field_names = models.JSONField()
    rejected = models.BigIntegerField(default=0)
    rejects = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["dataset", "number"], name="one_snapshot_per_number")]


class Field(TenantModel):
    """One column of a dataset: what we detected, what the user decided, and what the newest snapshot holds."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="fields")
    name = models.CharField(max_length=220)
    position = models.PositiveIntegerField()
    detected_type = models.CharField(max_length=20)
    chosen_type = models.CharField(max_length=20, blank=True)
    profile = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["dataset", "name"], name="one_field_per_name")]

    @property
    def type(self) -> str:
        return self.chosen_type or self.detected_type
