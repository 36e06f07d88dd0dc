"""Datasets, their immutable snapshots, and their fields."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.workspaces.tenancy import TenantModel
from einstein.postgres import moment

STATES = ["active", "paused", "archived", "deleted"]
DUPLICATE_POLICIES = {"last": "Keep the last", "first": "Keep the first", "refuse": "Refuse the file"}


class Dataset(TenantModel):
    """A named table of records with a key field, fed by uploads, by a source, or by other programs.

    `aliases` maps names as they arrive to the names the dataset knows, once somebody has accepted that they are the same.
    """

    name = models.CharField(max_length=120)
    noun = models.CharField(max_length=40, default="record")
    key_field = models.CharField(max_length=220, blank=True)
    duplicates = models.CharField(max_length=8, default="last")
    aliases = models.JSONField(default=dict)
    state = models.CharField(max_length=10, default="active")
    state_before = models.CharField(max_length=10, default="active")
    deleted_at = models.DateTimeField(null=True)  # a trigger writes it whenever the state changes
    owner = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = moment.MomentField(auto_now_add=True)
    updated_at = moment.MomentField(auto_now=True)

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
    uploaded_at = moment.MomentField(auto_now_add=True)


class Snapshot(TenantModel):
    """One immutable version of a dataset with a content hash. Never edited, only superseded.

    A snapshot is either whole (`base` is null: its file holds all records) or a difference: its file holds the records that are new or
    changed since the snapshot before, and the keys that are gone. apps/datasets/chain.py puts them together.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="snapshots")
    upload = models.OneToOneField(Upload, null=True, on_delete=models.SET_NULL, related_name="snapshot")
    number = models.PositiveIntegerField()
    base = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    origin = models.CharField(max_length=300, blank=True)
    added = models.BigIntegerField(null=True)  # against the snapshot before; null when there is none to compare by key
    changed = models.BigIntegerField(null=True)
    gone = models.BigIntegerField(null=True)
    storage_key = models.CharField(max_length=300)
    bytes = models.BigIntegerField(default=0)
    keyed_by = models.CharField(
        max_length=220, blank=True
    )  # the key field, when it names every record of this snapshot
    sha256 = models.CharField(max_length=64)
    rows = models.BigIntegerField()
    field_names = models.JSONField()
    rejected = models.BigIntegerField(default=0)
    rejects = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    created_at = moment.MomentField(auto_now_add=True)

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


SOURCE_SCHEDULES = {"daily": "Every day", "hourly": "Every hour", "weekly": "Every week", "none": "Only when I ask"}
SOURCE_MODES = {"full": "Everything", "changes": "What changed since"}
SOURCE_STATES = ["draft", "active", "paused"]


class Source(TenantModel):
    """Where a dataset's records come from by themselves: a connection, what is picked there, and when it is read."""

    dataset = models.OneToOneField(Dataset, on_delete=models.CASCADE, related_name="source")
    kind = models.CharField(max_length=30)
    settings = models.JSONField(default=dict)  # what may be shown again
    sealed = models.TextField(blank=True)  # what is never shown again (einstein.sealed)
    pick = models.JSONField(default=dict)
    mode = models.CharField(max_length=8, default="full")
    cursor_field = models.CharField(max_length=220, blank=True)
    position = models.JSONField(default=dict)  # where the next reading of changes begins
    schedule = models.CharField(max_length=8, default="daily")
    schedule_hour = models.PositiveSmallIntegerField(default=5)
    schedule_weekday = models.PositiveSmallIntegerField(default=0)
    next_run_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)  # the last time it was read without fault, changed or not
    failures = models.PositiveSmallIntegerField(default=0)  # in a row
    state = models.CharField(max_length=8, default="draft")
    created_by = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = moment.MomentField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(state__in=SOURCE_STATES), name="source_state_is_known"),
            models.CheckConstraint(condition=Q(mode__in=list(SOURCE_MODES)), name="source_mode_is_known"),
        ]
        indexes = [models.Index(fields=["next_run_at"], condition=Q(state="active"), name="sources_due")]


class Enrichment(TenantModel):
    """A dataset made from another one: its records, with what related records of further datasets tell about each.

    `joins` are as apps.datasets.joins.Join. Related records count that lie before `reference_field`, a date of the base record, or
    before the moment its snapshot was taken where that is blank.
    """

    dataset = models.OneToOneField(Dataset, on_delete=models.CASCADE, related_name="enrichment")
    base = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="+")
    reference_field = models.CharField(max_length=220, blank=True)
    joins = models.JSONField(default=list)
    created_by = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = moment.MomentField(auto_now_add=True)


class HeldTable(TenantModel):
    """A table that came but does not fit the dataset's contract: kept aside until somebody decides. The last good snapshot stays in use."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="held")
    run = models.OneToOneField("runs.Run", null=True, on_delete=models.SET_NULL, related_name="+")
    upload = models.ForeignKey(Upload, null=True, on_delete=models.SET_NULL, related_name="+")
    origin = models.CharField(max_length=300, blank=True)
    storage_key = models.CharField(max_length=300)
    differences = models.JSONField(default=list)  # as apps.datasets.contract.Difference
    mapping = models.JSONField(default=dict)  # the dataset's name of each name as it came
    reading = models.JSONField(default=dict)  # what intake must know to take it in later
    state = models.CharField(max_length=10, default="open")  # open, accepted, discarded, superseded
    created_at = moment.MomentField(auto_now_add=True)
    decided_by = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["dataset"], condition=Q(state="open"), name="one_open_held_table_per_dataset"
            )
        ]


class ErasedRecord(TenantModel):
    """A record that somebody erased, by the mark of its key (apps/datasets/kept_out.py): it is left out when it comes again."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="+")
    mark = models.CharField(max_length=64)
    at = moment.MomentField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["dataset", "mark"], name="one_mark_per_erased_record")]


class PushedBatch(TenantModel):
    """Records that another program sent, as they came. Kept until they are laid over the dataset, and afterwards as what was said."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="pushed")
    idempotency_key = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)
    records = models.PositiveIntegerField()
    storage_key = models.CharField(max_length=300)
    state = models.CharField(max_length=10, default="waiting")  # waiting, taken, held, refused
    words = models.CharField(max_length=500, blank=True)
    snapshot_number = models.PositiveIntegerField(null=True)
    received_from = models.CharField(max_length=120, blank=True)
    received_at = moment.MomentField(auto_now_add=True)
    due_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["dataset", "idempotency_key"], name="one_batch_per_idempotency_key")
        ]
        indexes = [models.Index(fields=["dataset", "due_at"], condition=Q(state="waiting"), name="batches_waiting")]
