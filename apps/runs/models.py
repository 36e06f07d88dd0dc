"""The Run: one execution of one step. The table of Runs is the queue; a Run names its kind as text and a higher room does it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.workspaces.tenancy import TenantModel
from einstein.postgres import moment

LIVE = ["queued", "dispatched", "running"]
ENDED = ["succeeded", "failed", "cancelled"]
STATES = [*LIVE, *ENDED]


class Run(TenantModel):
    """One piece of background work, held by a lease while a worker does it.

    `lease` counts the claims: every write of a worker carries the number it was given and is refused once it is old.
    """

    kind = models.CharField(max_length=30)
    subject_id = models.BigIntegerField()
    queue = models.CharField(max_length=20, default="interactive")
    state = models.CharField(max_length=12, default="queued")
    params = models.JSONField(default=dict)
    unique_key = models.CharField(max_length=120, null=True)  # noqa: DJ001 NULL means "no limit"; the index ignores it
    due_at = moment.MomentField(default=moment.now)
    lease = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    dispatched_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    outages = models.PositiveSmallIntegerField(default=0, db_default=0)  # tries that something outside broke off
    cancel_requested = models.BooleanField(default=False)
    stages = models.JSONField(default=list)
    progress = models.JSONField(default=dict)
    outcome = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = moment.MomentField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    host = models.CharField(max_length=80, blank=True, default="", db_default="")  # whose worker claimed it last
    noticed = models.BooleanField(default=False, db_default=False)  # by monitoring, after it ended

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(state__in=STATES), name="run_state_is_known"),
            models.UniqueConstraint(
                fields=["workspace", "unique_key"], condition=Q(state__in=LIVE), name="one_live_run_per_unique_key"
            ),
        ]
        indexes = [
            models.Index(fields=["queue", "due_at"], condition=Q(state="queued"), name="runs_due"),  # the dispatcher
            models.Index(
                fields=["queue", "workspace"], condition=Q(state__in=["dispatched", "running"]), name="runs_in_hand"
            ),  # fair order
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="runs_expiring"),  # the recovery
            models.Index(fields=["workspace", "kind", "subject_id", "-created_at"], name="runs_of_subject"),  # pages
            models.Index(
                fields=["ended_at"],
                condition=Q(kind="score", noticed=False, ended_at__isnull=False),
                name="runs_unnoticed",
            ),  # monitoring
            models.Index(fields=["host"], condition=Q(state="running"), name="runs_of_host"),  # is a drained host empty
            models.Index(fields=["ended_at"], name="runs_ended_lately"),  # the operators' console
            models.Index(fields=["ended_at"], condition=Q(kind="export"), name="runs_exports"),  # to be removed
        ]

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    @property
    def seconds(self) -> float | None:
        if self.started_at is None:
            return None
        return ((self.ended_at or moment.now()) - self.started_at).total_seconds()


class Drain(models.Model):
    """No new Run is handed out: anywhere ("all"), of one queue, or to the workers of one host. What is under way ends."""

    part = models.CharField(max_length=8)
    name = models.CharField(max_length=80, blank=True)
    since = moment.MomentField(default=moment.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(part__in=["all", "queue", "host"]), name="drain_part_is_known"),
            models.UniqueConstraint(fields=["part", "name"], name="one_drain_per_part"),
        ]
