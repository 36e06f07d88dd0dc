"""Scoring runs, the latest score of each record, and what came true of it. History lies in Parquet, one file a run."""

from __future__ import annotations

from typing import Any

from django.db import models

from apps.scoring.short_reasons import spelled_out
from apps.workspaces.tenancy import TenantModel
from einstein.postgres import moment


class ScoringRun(TenantModel):
    """One pass over the records of a snapshot with one model version. It exists once the pass is complete."""

    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.CASCADE, related_name="scoring_runs")
    version = models.ForeignKey("predictions.ModelVersion", on_delete=models.CASCADE, related_name="+")
    snapshot = models.ForeignKey("datasets.Snapshot", null=True, on_delete=models.SET_NULL, related_name="+")
    run = models.OneToOneField("runs.Run", null=True, on_delete=models.SET_NULL, related_name="+")
    fingerprint = models.CharField(max_length=64)
    records = models.BigIntegerField()
    scored = models.BigIntegerField()
    bands = models.JSONField(default=dict)
    histogram = models.JSONField(default=list)
    history_key = models.CharField(max_length=300)
    as_of = moment.MomentField(default=moment.now)
    checked_at = moment.MomentField(default=moment.now)  # last time the same data was found unchanged

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["prediction", "-as_of"], name="scoring_runs_newest")]


class Score(TenantModel):
    """One record's latest score with its band and reasons.

    Every night writes every row again. Most keep what the indexes hold, and where nothing indexed changes and the page has room PostgreSQL touches no
    index: so the run, which is another each time, has neither index nor foreign key (docs/decisions/0029).
    """

    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.CASCADE, related_name="+", db_index=False)
    version = models.ForeignKey("predictions.ModelVersion", on_delete=models.CASCADE, related_name="+")
    scoring_run = models.ForeignKey(
        ScoringRun, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    key = models.CharField(max_length=300)
    value = models.FloatField()
    predicted = models.CharField(max_length=220)
    band = models.CharField(max_length=6)
    short_reasons = models.TextField(default="", db_default="")
    reasons_before = models.JSONField(default=list, db_column="reasons")  # as the release before writes and reads them
    seen = models.BooleanField(default=False)
    open = models.BooleanField(default=False)  # nobody knew the outcome yet
    previous = models.FloatField(null=True)
    as_of = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["prediction", "key"], name="one_score_per_record")]
        indexes = [
            models.Index(fields=["prediction", "-value", "key"], name="scores_by_value"),
            models.Index(fields=["prediction", "band", "-value"], name="scores_by_band"),
        ]

    @property
    def reasons(self) -> list[dict[str, Any]]:
        """What `einstein.ml.explain.reasons_of` gave. A row that has the long ones was written by the release before, after any short ones."""
        return self.reasons_before or spelled_out(self.short_reasons or "[]")


class Outcome(TenantModel):
    """What came true of a record, beside the last that was said of it while nobody knew.

    `came` is comparable with `said`: 1 or 0 for a yes or no and for a right or wrong answer among several, else the number itself.
    """

    prediction = models.ForeignKey("predictions.Prediction", on_delete=models.CASCADE, related_name="+")
    version = models.ForeignKey("predictions.ModelVersion", on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=300)
    said = models.FloatField()
    band = models.CharField(max_length=6)
    came = models.FloatField()
    said_at = models.DateTimeField()
    known_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["prediction", "version", "key"], name="one_outcome_per_record"),
        ]
        indexes = [models.Index(fields=["prediction", "version", "-known_at"], name="outcomes_newest")]
