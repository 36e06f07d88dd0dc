"""Failed Runs of the last day, grouped by cause, over the fleet or of one workspace. Their sentences are read and not shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.db.models import Model

from apps.console.causes import Cause, cause_of, reference_of
from apps.console.fleet import WORDS
from apps.datasets.models import Dataset
from apps.deliveries.models import Delivery
from apps.predictions.models import ModelVersion, Prediction

ALL_DAY = 5000  # failing Runs that one click may take up again
# What may be taken up again, and what it is about. A trial send, an export or an erasure is somebody's wish; she repeats it herself.
SUBJECTS: dict[str, type[Model]] = {
    "ingest": Dataset, "refresh": Dataset, "accept": Dataset, "push": Dataset, "enrich": Dataset, "score": Prediction, "train": ModelVersion,
    "deliver": Delivery,
}  # fmt: skip


@dataclass(frozen=True)
class Failed:
    """One Run that failed and was not followed by one that did better, or that waits until `again_at` because of an outage."""

    workspace_id: int
    run_id: int
    kind: str
    cause: Cause
    reference: str
    at: datetime
    again_at: datetime | None
    host: str

    @property
    def work(self) -> str:
        return WORDS.get(self.kind, self.kind)

    @property
    def is_safe(self) -> bool:
        """Whether doing it twice does no harm."""
        return self.kind in SUBJECTS


@dataclass
class Group:
    """Runs of one kind that failed for one cause. `failing` of them were not followed by one that did better."""

    kind: str
    cause: Cause
    newest_at: datetime
    newest_run: int
    reference: str
    runs: int = 0
    failing: int = 0
    workspace_ids: set[int] = field(default_factory=set)

    @property
    def work(self) -> str:
        return WORDS.get(self.kind, self.kind)

    @property
    def is_safe(self) -> bool:
        return self.kind in SUBJECTS


def failed_groups(workspace_id: int | None = None) -> list[Group]:
    """What is ours to mend first, then by how many Runs."""
    groups: dict[tuple[str, str], Group] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, sentence, runs, failing, workspaces, newest_at, newest FROM failed_groups(%s)", [workspace_id])  # fmt: skip
        for kind, sentence, runs, failing, workspaces, newest_at, newest in cursor.fetchall():
            cause = cause_of(sentence)
            group = groups.setdefault(
                (kind, cause.key), Group(kind, cause, newest_at, newest, reference_of(sentence, newest))
            )
            if newest_at > group.newest_at:
                group.newest_at, group.newest_run, group.reference = newest_at, newest, reference_of(sentence, newest)
            group.runs, group.failing = group.runs + runs, group.failing + failing
            group.workspace_ids |= set(workspaces)
    return sorted(groups.values(), key=lambda group: (not group.cause.ours, -group.failing, -group.runs))


def failing_runs(most: int, workspace_id: int | None = None) -> list[Failed]:
    """The newest Runs that failed within a day and were not followed by one that did better, and those that wait out an outage."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, id, kind, sentence, at, again_at, host FROM failing_runs(%s, %s)", [most, workspace_id])  # fmt: skip
        return [
            Failed(workspace, run, kind, cause_of(sentence), reference_of(sentence, run), at, again_at, host)
            for workspace, run, kind, sentence, at, again_at, host in cursor.fetchall()
        ]
