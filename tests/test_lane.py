"""Large tables have workers of their own; where an installation has none, everything goes together."""

from __future__ import annotations

import pytest

from apps.datasets import lane
from apps.datasets.models import Dataset, Snapshot
from apps.datasets.upload import receive_path
from apps.pipeline.story import plan_due_scoring
from apps.predictions.models import Prediction
from apps.runs.models import Run
from apps.workspaces.scope import workspace_scope
from einstein.postgres import moment

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset(inside):
    return Dataset.objects.create(name="Customers", noun="customer")


def holds(dataset: Dataset, rows: int) -> None:
    number = Snapshot.objects.filter(dataset=dataset).count() + 1
    Snapshot.objects.create(
        dataset=dataset, number=number, storage_key=f"{number}", sha256="0", rows=rows, field_names=["a"]
    )


def test_a_table_goes_where_its_newest_snapshot_says(dataset, settings):
    assert lane.lane_of(dataset.id) == "interactive"
    holds(dataset, settings.LARGE_RECORDS)
    assert lane.lane_of(dataset.id) == "large"
    holds(dataset, settings.LARGE_RECORDS - 1)
    assert lane.lane_of(dataset.id) == "interactive"


def test_without_workers_of_its_own_a_large_table_goes_with_all_others(dataset, settings):
    holds(dataset, settings.LARGE_RECORDS)
    settings.WORKERS = settings.WORKERS | {"large": 0}
    assert lane.lane_of(dataset.id) == "interactive"


def test_a_first_upload_goes_by_its_bytes(inside, tmp_path, monkeypatch):
    path = tmp_path / "customers.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    assert receive_path(path, path.name, None)[1].queue == "interactive"
    monkeypatch.setattr(lane, "LARGE_BYTES", 10)
    assert receive_path(path, path.name, None)[1].queue == "large"


def test_a_due_scoring_of_a_large_table_is_planned_into_its_queue(workspace, dataset, settings):
    with workspace_scope(workspace.id):
        holds(dataset, settings.LARGE_RECORDS)
        prediction = Prediction.objects.create(dataset=dataset, name="Churn", state="active", next_run_at=moment.now())
    plan_due_scoring(workspace.id, prediction.id)
    with workspace_scope(workspace.id):
        assert Run.objects.get(kind="score").queue == "large"
