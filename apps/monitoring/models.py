"""What the watch saw, what it remembers, the alerts that follow, the incidents that group them, and who is told."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.workspaces.tenancy import TenantModel
from einstein.postgres import moment

ALERT_STATES = ["open", "resolved"]
INCIDENT_STATES = ["open", "acknowledged", "snoozed", "resolved"]
LIVE_INCIDENT = ["open", "acknowledged", "snoozed"]


class Look(TenantModel):
    """One scoring run as the watch saw it: the observations of that moment, and what was alarming.

    `fields` is {field: [value, low, high, blank, outside, strange]}: shares 0 to 1, `strange` 1 at the size that alarms; what `value`
    is stands in the memory's legend. `alarms` are those open after this run, `scores` the mean, the share in the High band and the
    performance to be expected. `number` counts the looks with one reference.
    """

    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.CASCADE, related_name="+")
    scoring_run = models.OneToOneField("scoring.ScoringRun", on_delete=models.CASCADE, related_name="look")
    number = models.PositiveIntegerField()
    records = models.BigIntegerField()
    scores = models.JSONField(default=dict)
    fields = models.JSONField(default=dict)
    alarms = models.JSONField(default=list)
    at = moment.MomentField(default=moment.now)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["prediction", "-at"], name="looks_newest")]


class Memory(TenantModel):
    """What a prediction's watch learnt from its reference (a stored file) and remembers of the runs since (`state`)."""

    prediction = models.OneToOneField("predictions.Prediction", on_delete=models.CASCADE, related_name="memory")
    version = models.ForeignKey("predictions.ModelVersion", on_delete=models.CASCADE, related_name="+")
    storage_key = models.CharField(max_length=300)
    state = models.BinaryField()
    legend = models.JSONField(default=dict)  # {field: [what its figure is, of which answer]}
    learnt_from = models.CharField(max_length=10)  # "scored" records or "training" ones


class Watch(TenantModel):
    """When a prediction is looked at next, what each check said last, and how much it takes to tell somebody."""

    prediction = models.OneToOneField("predictions.Prediction", on_delete=models.CASCADE, related_name="watch")
    next_check_at = moment.MomentField(default=moment.now)
    findings = models.JSONField(default=dict)
    checked_at = models.DateTimeField(null=True)
    sensitivity = models.PositiveSmallIntegerField(default=2)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["next_check_at"], name="watches_due")]


class CustomCheck(TenantModel):
    """A check made by clicks: a figure of each run against a number, for so many runs in a row."""

    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.CASCADE, related_name="custom_checks")
    metric = models.CharField(max_length=20)
    field = models.CharField(max_length=220, blank=True)
    above = models.BooleanField(default=True)
    limit = models.FloatField()
    runs = models.PositiveSmallIntegerField(default=1)
    severity = models.CharField(max_length=8, default="warning")
    created_by = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")


class Incident(TenantModel):
    """Alerts of one cause: a dataset whose feed broke, one prediction, or the installation. It is what people are told of, and answer.

    `times` counts how often it opened within a day of being over: what comes and goes is told less and less.
    """

    cause = models.CharField(max_length=60)
    state = models.CharField(max_length=12, default="open")
    severity = models.CharField(max_length=8)
    title = models.CharField(max_length=250)
    times = models.PositiveSmallIntegerField(default=1)
    opened_at = moment.MomentField(default=moment.now)
    told_at = models.DateTimeField(null=True)
    snoozed_until = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=250, blank=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(state__in=INCIDENT_STATES), name="incident_state_is_known"),
            models.UniqueConstraint(
                fields=["workspace", "cause"], condition=Q(state__in=LIVE_INCIDENT), name="one_live_incident_per_cause"
            ),
        ]


class Alert(TenantModel):
    """A check of one prediction that is failing. It is resolved when the check passes again."""

    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.CASCADE, related_name="alerts")
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="alerts")
    check_kind = models.CharField(max_length=30)
    state = models.CharField(max_length=12, default="open")
    severity = models.CharField(max_length=8)
    title = models.CharField(max_length=250)
    answers = models.JSONField()
    opened_at = moment.MomentField(default=moment.now)
    announced_at = models.DateTimeField(null=True)  # to the destinations that want to know
    resolved_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ALERT_STATES), name="alert_state_is_known"),
            models.UniqueConstraint(
                fields=["prediction", "check_kind"], condition=Q(state="open"), name="one_open_alert_per_check"
            ),
        ]


class IncidentEvent(TenantModel):
    """One thing that happened to an incident."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=20)
    words = models.CharField(max_length=400)
    at = moment.MomentField(default=moment.now)


class Recipient(TenantModel):
    """Who is told of the alerts of one prediction or of all, from which severity on, how soon and when not.

    Where nobody is named, the prediction's owner is told. Nobody is mailed before the address is confirmed, or after leaving.
    """

    email = models.EmailField()
    prediction = models.ForeignKey("predictions.Prediction", null=True, on_delete=models.CASCADE, related_name="+")
    least = models.CharField(max_length=8, default="warning")
    pace = models.CharField(max_length=8, default="at_once")
    quiet_from = models.TimeField(null=True)
    quiet_until = models.TimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "prediction", "email"], nulls_distinct=False, name="one_recipient_per_address"
            ),
        ]


class Notice(TenantModel):
    """One thing one person is to be told about an incident, at a time. Told once, in the transaction that writes the e-mail."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="notices")
    to = models.EmailField()
    moment = models.CharField(max_length=10)
    occasion = models.CharField(max_length=30)  # tells one reminder from the next
    state = models.CharField(max_length=8, default="waiting")
    due_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    message = models.ForeignKey("outbox.Message", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["incident", "to", "moment", "occasion"], name="one_notice_per_occasion"),
        ]
        indexes = [models.Index(fields=["due_at"], condition=Q(state="waiting"), name="notices_due")]


class Blackout(TenantModel):
    """Planned maintenance: alerts open, but nobody is told before it is over."""

    prediction = models.ForeignKey("predictions.Prediction", null=True, on_delete=models.CASCADE, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey("workspaces.User", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["ends_at"], name="blackouts_newest")]


class OperatorIncident(models.Model):
    """A fault of the installation itself. Operators are told, not its customers."""

    kind = models.CharField(max_length=30)
    sees = models.CharField(max_length=400)
    opened_at = moment.MomentField(default=moment.now)
    told_at = models.DateTimeField(null=True)
    good_since = models.DateTimeField(null=True)  # gone, but not yet for long enough to be over
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind"], condition=Q(resolved_at=None), name="one_open_operator_incident")
        ]


class DiskDay(models.Model):
    """How full the disks were on one day: `places` {what lies there: [free, total]} and `kinds` {what takes the room: bytes}."""

    day = models.DateField(primary_key=True)
    places = models.JSONField(default=dict)
    kinds = models.JSONField(default=dict)


class ScheduledBackup(models.Model):
    """One backup that the clock made and rehearsed. Without `ended_at` it is being made, or broke off with its clock."""

    started_at = moment.MomentField(default=moment.now, db_index=True)
    ended_at = models.DateTimeField(null=True)
    folder = models.CharField(max_length=500, blank=True)
    bytes = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    files = models.BigIntegerField(default=0)
    problem = models.TextField(blank=True)
    removed_at = models.DateTimeField(null=True)

    @property
    def is_good(self) -> bool:
        return self.ended_at is not None and not self.problem


class Pulse(models.Model):
    """When each part of the installation last showed a sign of life; the web process looks whether the clock still does."""

    part = models.CharField(max_length=30, primary_key=True)
    at = models.DateTimeField()
